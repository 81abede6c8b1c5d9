"""The audit trail, for callers who may read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.context.asked import Asked
from gateway.errors import BadInput
from gateway.federation import asking, paging
from gateway.federation.asking import Arguments
from gateway.index.rows import instant
from gateway.journal.journal import Journal
from gateway.model import ids
from gateway.model.audit import AuditOutcome, AuditQuery, AuditRecord


@dataclass(frozen=True, slots=True)
class Audit:
    """The verbs of the audit trail."""

    asked: Asked
    journal: Journal

    async def page(self, arguments: Arguments) -> dict[str, Any]:
        """A page of records, newest first."""
        first, after = asking.page(arguments)
        query = self._query(arguments.get("filter") or {})
        account = self.asked.directory.account
        mark = paging.fingerprint("audit", account, query)
        before = None if after is None else paging.number(after, mark)
        found = await self.journal.trail(account, query, before, first + 1)
        records = [_shown(each) for each in found[:first]]
        return {
            "nodes": records,
            "pageInfo": {
                "hasNextPage": len(found) > first,
                "hasPreviousPage": after is not None,
                "startCursor": _cursor(records[0], mark) if records else None,
                "endCursor": _cursor(records[-1], mark) if records else after,
            },
            "_mark": mark,
        }

    def edges(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records of a page with their cursors."""
        return [{"cursor": _cursor(each, page["_mark"]), "node": each} for each in page["nodes"]]

    def _query(self, given: Arguments) -> AuditQuery:
        contact = given.get("contactId")
        if contact is not None:
            ids.expect(contact, "Contact", self.asked.directory.account)
        outcomes = given.get("outcomes")
        if outcomes == []:
            raise BadInput("filter.outcomes is empty: name at least one, or leave it out for all.")
        return AuditQuery(
            caller=given.get("caller"),
            action=given.get("action"),
            outcomes=None if outcomes is None else tuple(AuditOutcome(each) for each in outcomes),
            contact=contact,
            since=instant(given.get("since")),
        )


def _shown(record: AuditRecord) -> dict[str, Any]:
    detail = None if record.detail is None else orjson.loads(record.detail)
    return {
        "number": record.number,
        "at": record.at,
        "caller": record.caller,
        "action": record.action,
        "outcome": record.outcome,
        "code": record.code,
        "requestId": record.request,
        "times": record.times,
        "targets": None if detail is None else detail.get("targets", []),
        "detail": detail,
        "hash": record.hash,
    }


def _cursor(record: Mapping[str, Any], mark: str) -> str:
    return paging.seal_number(record["number"], mark)

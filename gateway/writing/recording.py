"""What the audit trail says of a mutation: ids, sources and names of fields, never values."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.errors import DeadlineExceeded, Forbidden, GatewayError
from gateway.model import ids
from gateway.model.audit import AuditEntry, AuditOutcome
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from gateway.model.writing import DONE, WriteStatus

CUT_OFF: Final = "INTERRUPTED"  # the code of what the end of its process has cut off
MOST_TARGETS: Final = 1_000  # ids in one record
CONFIRMED: Final = frozenset({"erasePerson"})  # what only tells what it would do, unless it is confirmed
NESTED: Final = (dict, list, tuple)
NOT_FIELDS: Final = frozenset({"idempotencyKey", "clientMutationId", "confirmation", "file"})

Given = Mapping[str, Any]


def begun(caller: str, action: str, request: str, given: Given, also: Sequence[str] = ()) -> AuditEntry:
    """What a caller is about to do; `also` are global ids that the input means without naming them."""
    found: list[str] = []
    _find(given, found)
    targets = list(dict.fromkeys((*found, *also)))[:MOST_TARGETS]
    trial = given.get("dryRun") or (action in CONFIRMED and given.get("confirmation") is None)
    return AuditEntry(
        caller=caller,
        action=action,
        outcome=AuditOutcome.BEGUN,
        request=request,
        detail={
            "targets": targets,
            "fields": sorted(_fields(given)),
            **({"dryRun": True} if trial else {}),
        },
        contacts=_contacts(targets),
    )


def ended(entry: AuditEntry, payload: Given) -> AuditEntry:
    """What became of it."""
    outcomes = [each for each in (payload.get("outcome"), *(payload.get("outcomes") or ())) if each]
    statuses = {each["status"] for each in outcomes}
    codes = [each["code"] for each in outcomes if each["code"]]
    codes += [str(error["code"]) for error in payload.get("userErrors") or ()]
    found: list[str] = [*entry.detail["targets"]]
    _find(payload, found)
    targets = list(dict.fromkeys(found))[:MOST_TARGETS]
    told = [
        {
            "source": each["source"],
            "status": each["status"],
            "code": each["code"],
            "id": each["targetId"] or each["contact"],
        }
        for each in outcomes
    ]
    trial = bool(entry.detail.get("dryRun"))
    return AuditEntry(
        caller=entry.caller,
        action=entry.action,
        outcome=outcome(set() if trial else statuses, codes),
        code=codes[0] if codes else None,
        request=entry.request,
        detail={**entry.detail, "targets": targets, "outcomes": told[:MOST_TARGETS]},
        contacts=_contacts(targets),
    )


def failed(entry: AuditEntry, error: BaseException) -> AuditEntry:
    """The same, where it came to no end of its own."""
    if isinstance(error, asyncio.CancelledError):
        return cut_off(entry)
    code = error.code if isinstance(error, GatewayError) else "INTERNAL"
    became = AuditOutcome.REJECTED
    if isinstance(error, Forbidden):
        became = AuditOutcome.REFUSED
    elif isinstance(error, DeadlineExceeded) or not isinstance(error, GatewayError):
        became = AuditOutcome.UNCERTAIN
    return replace(entry, outcome=became, code=code)


def cut_off(entry: AuditEntry) -> AuditEntry:
    """The same, where its process came to an end before."""
    return replace(entry, outcome=AuditOutcome.UNCERTAIN, code=CUT_OFF)


def names_of(contact: ContactKey, account: str) -> tuple[str, str]:
    """What a contact is called in records: by its global id, or as its source calls it."""
    source = contact.source.value
    return (
        ids.encode("Contact", account, source, contact.module, contact.id),
        f"{source}:{contact.id}",
    )


def sources(given: Given, entry: AuditEntry) -> set[Source]:
    """The sources that something may have changed: those that are named, and those of its contacts."""
    found = {str(each["source"]) for each in given.get("targets") or () if "source" in each}
    for contact in entry.contacts:
        named = ids.decode(contact) if ids.kind(contact) is not None else None
        found.add(named.source.value if isinstance(named, ids.GlobalId) else contact.partition(":")[0])
    return {Source(each) for each in found}


def outcome(statuses: set[str], codes: Sequence[str]) -> AuditOutcome:
    """What became of a whole, by the statuses of its parts."""
    if not statuses:
        return AuditOutcome.REJECTED if codes else AuditOutcome.APPLIED
    if statuses == {WriteStatus.APPLIED}:
        return AuditOutcome.APPLIED
    if statuses & DONE:
        return AuditOutcome.PARTIAL
    if WriteStatus.UNCERTAIN in statuses:
        return AuditOutcome.UNCERTAIN
    return AuditOutcome.REFUSED if Forbidden.code in codes else AuditOutcome.REJECTED


def _find(given: Any, found: list[str]) -> None:
    """Add the global ids in an input, and the vendors' own ids of records with their sources."""
    below = given
    if isinstance(given, dict):
        vendor_id = given.get("sourceId")
        if isinstance(vendor_id, str) and isinstance(given.get("source"), str):
            found.append(f"{given['source']}:{vendor_id}")
        below = given.values()
    for value in below:
        if isinstance(value, str):
            if ids.kind(value) is not None:
                found.append(value)
        elif value and isinstance(value, NESTED):
            _find(value, found)


def _fields(given: Given) -> set[str]:
    """The names of the fields that were given, one level deep."""
    found: set[str] = set()
    for name, value in given.items():
        if value is None or name in NOT_FIELDS:
            continue
        if isinstance(value, dict):
            found.update(f"{name}.{below}" for below, held in value.items() if held is not None)
        else:
            found.add(name)
    return found


def _contacts(targets: list[str]) -> tuple[str, ...]:
    """Those of the targets that may be contacts: a vendor's id does not say what it is of."""
    return tuple(text for text in targets if ids.kind(text) in ("Contact", None))

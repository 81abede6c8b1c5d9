"""The chain of the audit trail: each record is sealed with the hash of the one before it.

What a record is about lies apart, under a digest with a salt: once both are erased, nobody can guess it from
the digest, and the chain holds all the same. Whoever can write the file can also seal a chain of their own,
or cut off its end: only a hash that was put down elsewhere shows that.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import orjson

from gateway.journal.journal import Journal
from gateway.model.audit import AuditEntry, AuditQuery, AuditRecord

SALT_BYTES: Final = 16
STRETCH: Final = 500  # records read at a time


class Link(NamedTuple):
    """What the next record needs of the one before it."""

    number: int
    hash: str


def sealed(account: str, at: str, entry: AuditEntry, before: Link | AuditRecord | None) -> AuditRecord:
    """An entry as the record behind another one."""
    salt = secrets.token_hex(SALT_BYTES)
    detail = orjson.dumps(dict(entry.detail)).decode()
    number = 1 if before is None else before.number + 1
    previous = "" if before is None else before.hash
    digest = _digest(salt, detail)
    said = (account, number, at, entry.caller, entry.action, entry.outcome.value)
    more = (entry.code, entry.request, entry.times)
    return AuditRecord(
        account=account,
        number=number,
        at=at,
        caller=entry.caller,
        action=entry.action,
        outcome=entry.outcome.value,
        code=entry.code,
        request=entry.request,
        times=entry.times,
        digest=digest,
        previous=previous,
        hash=_hash(previous, *said, *more, digest),
        salt=salt,
        detail=detail,
    )


async def faults(journal: Journal, account: str) -> AsyncIterator[str]:
    """What is wrong with the chain of an account, as sentences; nothing where it is whole."""
    newer: AuditRecord | None = None
    while True:
        before = None if newer is None else newer.number
        records = await journal.trail(account, AuditQuery(), before, STRETCH)
        for record in records:
            if newer is not None and newer.number != record.number + 1:
                yield f"Between {record.number} and {newer.number} records are missing."
            elif newer is not None and newer.previous != record.hash:
                yield f"Record {newer.number} does not follow record {record.number}."
            for fault in _faults_of(record):
                yield fault
            newer = record
        if len(records) < STRETCH:
            break
    if newer is not None and (newer.number != 1 or newer.previous):
        yield f"The records before {newer.number} are missing."


def _faults_of(record: AuditRecord) -> list[str]:
    found = []
    said = (record.account, record.number, record.at, record.caller, record.action, record.outcome)
    more = (record.code, record.request, record.times)
    if _hash(record.previous, *said, *more, record.digest) != record.hash:
        found.append(f"Record {record.number} was changed.")
    if record.salt is not None and _digest(record.salt, record.detail or "") != record.digest:
        found.append(f"The detail of record {record.number} was changed.")
    return found


def _digest(salt: str, detail: str) -> str:
    return hashlib.sha256(f"{salt}{detail}".encode()).hexdigest()


def _hash(*parts: str | int | None) -> str:
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()

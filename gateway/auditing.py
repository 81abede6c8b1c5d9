"""Checks the audit trail, shows its newest records, and erases what it says of a person."""

import sys
from dataclasses import dataclass
from typing import Final

import orjson

from gateway.app import Gateway, over_the_network, wall_clock
from gateway.config import Config
from gateway.errors import BadInput, GatewayError
from gateway.journal import chain
from gateway.journal.journal import Journal
from gateway.model import ids
from gateway.model.audit import AuditEntry, AuditOutcome, AuditQuery, AuditRecord
from gateway.model.contact import ContactKey
from gateway.model.ids import GlobalId
from gateway.writing import recording

BROKEN: Final = 1
MISUSED: Final = 2
CALLER: Final = "command line"
ERASED: Final = "erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted. `expect` is `NUMBER:HASH` as an earlier check has printed it, `erase` a global id."""

    account: str | None
    last: int
    expect: str | None
    erase: str | None


async def run(config: Config, wish: Wish) -> int:
    """The exit status: 1 where a chain is broken."""
    gateway = Gateway(config, over_the_network(config.outgoing_proxy), wall_clock)
    try:
        async with gateway.sharing():
            if wish.erase is not None:
                return await _erase(gateway.journal, wish.erase)
            return await _check(gateway.journal, wish)
    except GatewayError as error:
        print(f"gateway: {error.message}", file=sys.stderr)
        return MISUSED
    finally:
        await gateway.aclose()


async def _check(journal: Journal, wish: Wish) -> int:
    accounts = await journal.audited() if wish.account is None else [wish.account]
    if not accounts:
        print("The audit trail is empty.")
    status = 0
    for account in accounts:
        for record in reversed(await journal.trail(account, AuditQuery(), None, wish.last)):
            print(_line(record))
        found = [fault async for fault in chain.faults(journal, account)]
        if wish.expect is not None and not await _holds(journal, account, wish.expect):
            found.append(f"There is no record {wish.expect}.")
        for fault in found:
            print(f"{account}: {fault}", file=sys.stderr)
        newest = await journal.trail(account, AuditQuery(), None, 1)
        if not newest:
            print(f"{account}: no records")
        elif not found:
            print(f"{account}: whole, up to {newest[0].number}:{newest[0].hash}")
        status = BROKEN if found else status
    return status


async def _holds(journal: Journal, account: str, expected: str) -> bool:
    number, _, hash_ = expected.partition(":")
    if not number.isdecimal():
        raise BadInput("--expect wants NUMBER:HASH, as an earlier check has printed it.")
    found = await journal.trail(account, AuditQuery(), int(number) + 1, 1)
    return bool(found) and found[0].number == int(number) and found[0].hash == hash_


async def _erase(journal: Journal, text: str) -> int:
    named = ids.decode(text)
    if not isinstance(named, GlobalId) or named.type != "Contact":
        raise BadInput("--erase wants the global id of a contact.")
    key = ContactKey(named.source, *named.parts)
    count = 0
    for name in recording.names_of(key, named.account):
        count += await journal.erase(named.account, name)
    entry = AuditEntry(caller=CALLER, action=ERASED, outcome=AuditOutcome.APPLIED, detail={"records": count})
    await journal.audit(named.account, wall_clock(), [entry])
    print(f"{count} records say nothing of it any more.")
    return 0


def _line(record: AuditRecord) -> str:
    said = {"account": record.account, "number": record.number, "at": record.at, "caller": record.caller}
    said |= {"action": record.action, "outcome": record.outcome, "code": record.code}
    said |= {"requestId": record.request, "times": record.times}
    detail = None if record.detail is None else orjson.loads(record.detail)
    return orjson.dumps({**said, "detail": detail, "hash": record.hash}).decode()

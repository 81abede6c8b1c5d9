"""What people say of pairs of records is kept with everything else, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.errors import StateUnavailable
from gateway.journal.journal import Journal, KeyedAs, Overtaken
from gateway.journal.store import SqliteJournal
from gateway.model.audit import AuditEntry, AuditOutcome, AuditQuery
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.person import Saying, Statement
from gateway.shared.journal import RedisJournal
from gateway.shared.state import State, connect
from tests.journal.older import make_older

AT = "2026-01-01T00:00:00.000Z"
PLACE = KeyedAs("default", "ada", "linkContacts", "order-17")
ADA, BOB, EVE = "PACKAGEX:1", "SAMESPACE:leads:2", "SMART_SENDER:3 4"


def said(one: str, other: str, saying: Saying | None = Saying.SAME, reason: str = "seen") -> Statement:
    return Statement(one=one, other=other, saying=saying, actor="ada", reason=reason, at=AT)


async def say(journal: Journal, *statements: Statement, account: str = "default") -> None:
    await journal.note(account, "ada", AT, [], answer=len, statements=statements)


async def known(journal: Journal, account: str = "default") -> list[Statement]:
    version, found = await journal.statements(account, None)
    assert found is not None
    assert await journal.statements(account, version) == (version, None)
    return found


async def test_statements_are_kept_word_for_word(journal: Journal) -> None:
    assert await journal.statements("default", None) == (0, [])
    assert await journal.statements("default", 0) == (0, None)
    first = said(ADA, BOB, reason='Ünïcode, "quotes" and \'; DROP TABLE statement')
    second = replace(said(ADA, EVE, Saying.NEVER), before=Saying.SAME)
    await say(journal, second, first)
    assert await known(journal) == [first, second]


async def test_a_statement_takes_the_place_of_what_was_said_of_the_pair(journal: Journal) -> None:
    await say(journal, said(ADA, BOB), said(ADA, EVE))
    never = replace(said(ADA, BOB, Saying.NEVER, "asked them"), before=Saying.SAME)
    await say(journal, never)
    assert await known(journal) == [never, said(ADA, EVE)]


async def test_of_two_statements_of_a_pair_at_once_the_last_holds(journal: Journal) -> None:
    await say(journal, said(ADA, BOB), said(ADA, BOB, Saying.NEVER))
    assert await known(journal) == [said(ADA, BOB, Saying.NEVER)]
    await say(journal, said(ADA, BOB), said(ADA, BOB, None))
    assert await known(journal) == []


async def test_what_rests_on_less_than_was_said_is_not_said(journal: Journal) -> None:
    await say(journal, said(ADA, BOB))
    version, _ = await journal.statements("default", None)
    await say(journal, said(ADA, EVE), account="other")
    more: dict[str, Any] = {"answer": len, "statements": [said(BOB, EVE)], "heard": version}
    event = Happening(type=EventType.CONTACTS_LINKED)
    await journal.note("default", "ada", AT, [event], **more)
    with pytest.raises(Overtaken):
        await journal.note("default", "ada", AT, [event], **{**more, "statements": [said(BOB, EVE, None)]})
    assert await known(journal) == [said(ADA, BOB), said(BOB, EVE)]
    assert len(await journal.events("default", EventQuery(), 0, 9)) == 1


async def test_what_is_withdrawn_is_gone(journal: Journal) -> None:
    await say(journal, said(ADA, BOB), said(ADA, EVE))
    await say(journal, said(ADA, BOB, None))
    assert await known(journal) == [said(ADA, EVE)]


async def test_the_version_grows_with_each_change_and_never_begins_anew(journal: Journal) -> None:
    versions = [0]
    for change in (
        say(journal, said(ADA, BOB)),
        say(journal, said(ADA, BOB, Saying.NEVER), said(BOB, EVE)),
        say(journal, said(ADA, BOB, None)),
        journal.erase_statements("default", [EVE]),
        say(journal, said(ADA, BOB)),
    ):
        await change
        version, found = await journal.statements("default", versions[-1])
        assert found is not None
        versions.append(version)
    assert versions == sorted(set(versions))


async def test_what_changes_no_statement_leaves_the_version(journal: Journal) -> None:
    await say(journal, said(ADA, BOB))
    version, _ = await journal.statements("default", None)
    happening = Happening(type=EventType.CONTACT_CREATED)
    await journal.note("default", "ada", AT, [happening], answer=len, states={"a": "1"})
    assert await journal.erase_statements("default", [EVE]) == 0
    assert await journal.erase_statements("default", []) == 0
    assert await journal.statements("default", version) == (version, None)


async def test_statements_of_a_record_are_erased(journal: Journal) -> None:
    await say(journal, said(ADA, BOB), said(ADA, EVE), said(BOB, EVE))
    assert await journal.erase_statements("default", [BOB, "PACKAGEX:99", BOB]) == 2
    assert await known(journal) == [said(ADA, EVE)]
    assert await journal.erase_statements("default", [ADA, EVE]) == 1
    assert await known(journal) == []


async def test_a_record_whose_id_only_looks_alike_keeps_its_statements(journal: Journal) -> None:
    await say(journal, said("PACKAGEX:1", "PACKAGEX:12"), said("PACKAGEX:11", "PACKAGEX:12"))
    assert await journal.erase_statements("default", ["PACKAGEX:1", "%"]) == 1
    assert await known(journal) == [said("PACKAGEX:11", "PACKAGEX:12")]


async def test_accounts_know_nothing_of_each_other(journal: Journal) -> None:
    await say(journal, said(ADA, BOB))
    await say(journal, said(ADA, BOB, Saying.NEVER), account="acme")
    await say(journal, said(ADA, BOB, None), account="other")
    assert await journal.erase_statements("acme", [ADA]) == 1
    assert await known(journal) == [said(ADA, BOB)]
    assert await known(journal, "acme") == []
    assert (await journal.statements("default", None))[0] == 1
    assert await journal.statements("nobody", None) == (0, [])


class Unreadable:
    """What cannot be written down."""


async def test_statements_are_kept_with_all_that_is_noted_or_not_at_all(journal: Journal) -> None:
    linked = Happening(type=EventType.CONTACTS_LINKED, payload={"contacts": ["a", "b"]})
    entry = AuditEntry(caller="ada", action="linkContacts", outcome=AuditOutcome.APPLIED, detail={})
    broken = replace(entry, detail={"fields": Unreadable()})

    async def link(entry: AuditEntry, answer: Any) -> Any:
        return await journal.note(
            "default",
            "ada",
            AT,
            [linked],
            answer=answer,
            place=PLACE,
            entry=entry,
            states={"a": "1"},
            statements=[said(ADA, BOB)],
        )

    def unanswered(_: list[int]) -> Any:
        raise TypeError

    assert await journal.claim(PLACE, "print", AT, "me", "2025") is None
    for odd in (link(broken, list), link(entry, unanswered)):
        with pytest.raises(TypeError):
            await odd
        assert await journal.statements("default", None) == (0, [])
        assert await journal.events("default", EventQuery(), 0, 9) == []
        assert await journal.states("default", ["a"]) == {}
        assert await journal.trail("default", AuditQuery(), None, 9) == []
        held = await journal.claim(PLACE, "print", AT, "me", "2025")
        assert held is not None
        assert held.answer is None

    numbers = await link(entry, list)
    held = await journal.claim(PLACE, "print", AT, "me", "2025")
    assert held is not None
    assert held.answer == numbers
    assert await known(journal) == [said(ADA, BOB)]
    assert len(await journal.events("default", EventQuery(), 0, 9)) == 1
    assert len(await journal.trail("default", AuditQuery(), None, 9)) == 1


async def test_many_at_once_lose_nothing(journal: Journal) -> None:
    pairs = [said(f"PACKAGEX:{number}", "SAMESPACE:1") for number in range(20)]
    await asyncio.gather(
        *(say(journal, each) for each in pairs), journal.erase_statements("default", ["PACKAGEX:none"])
    )
    version, found = await journal.statements("default", None)
    assert version == len(pairs)
    assert found == sorted(pairs, key=lambda each: each.one)
    counts = await asyncio.gather(*(journal.erase_statements("default", ["SAMESPACE:1"]) for _ in range(3)))
    assert sorted(counts) == [0, 0, 20]


# ---- on disk


async def test_statements_are_there_after_a_restart_and_for_other_processes(tmp_path: Path) -> None:
    one, other = SqliteJournal(tmp_path / "journal"), SqliteJournal(tmp_path / "journal")
    await say(one, said(ADA, BOB))
    version, found = await other.statements("default", 0)
    assert found == [said(ADA, BOB)]
    await say(other, said(ADA, BOB, None))
    assert await one.statements("default", version) == (version + 1, [])
    await one.aclose()
    await other.aclose()
    again = SqliteJournal(tmp_path / "journal")
    assert await again.statements("default", None) == (version + 1, [])
    await again.aclose()


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_journal_from_before_the_statements_gets_them_and_loses_nothing(
    tmp_path: Path, version: int
) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    await journal.claim(PLACE, "print", AT, "me", "2025")
    happening = Happening(type=EventType.CONTACT_CREATED, contact="a", payload={"fields": ["email"]})
    await journal.note("default", "ada", AT, [happening], answer=list, place=PLACE)
    events = await journal.events("default", EventQuery(), 0, 9)
    number = await journal.begin_job("default", "me", {"id": "", "state": "RUNNING"}, str)
    await journal.aclose()
    make_older(tmp_path / "journal", version)
    for expected in ((0, []), (1, [said(ADA, BOB)])):
        journal = SqliteJournal(tmp_path / "journal")
        assert await journal.statements("default", None) == expected
        assert await journal.events("default", EventQuery(), 0, 9) == events
        assert await journal.job("default", number) is not None
        held = await journal.claim(PLACE, "print", AT, "me", "2025")
        assert held is not None
        assert held.answer == [events[0].number]
        await say(journal, said(ADA, BOB))
        await journal.aclose()


# ---- in Redis


@pytest_asyncio.fixture
async def states(redis_url: str) -> AsyncIterator[list[State]]:
    """Two connections to one Redis, of which nobody knows yet that it is there."""
    found = [State(connect(redis_url)) for _ in range(2)]
    yield found
    for each in found:
        await each.aclose()


async def test_replicas_share_statements(states: list[State]) -> None:
    one, other = (RedisJournal(state) for state in states)
    for state in states:
        await state.probe()
    await say(one, said(ADA, BOB))
    version, found = await other.statements("default", 0)
    assert found == [said(ADA, BOB)]
    assert await other.erase_statements("default", [BOB]) == 1
    assert await one.statements("default", version) == (version + 1, [])


async def test_nothing_is_said_while_redis_is_away(states: list[State]) -> None:
    """Others go by it at once, or it was not said: it is not kept for later, as events are."""
    away, other = (RedisJournal(state) for state in states)
    await states[1].probe()
    event = Happening(type=EventType.CONTACT_UPDATED)
    await away.note("default", "ada", AT, [event], answer=len)
    for ask in (say(away, said(ADA, BOB)), away.statements("default", None)):
        with pytest.raises(StateUnavailable):
            await ask
    await states[0].probe()
    for journal in (away, other):
        assert await known(journal) == []
        assert len(await journal.events("default", EventQuery(), 0, 9)) == 1
    await say(away, said(ADA, BOB))
    assert await known(other) == [said(ADA, BOB)]


async def test_what_is_erased_while_redis_is_away_is_gone_when_it_is_back(states: list[State]) -> None:
    away, other = (RedisJournal(state) for state in states)
    await states[1].probe()
    await say(other, said(ADA, BOB), said(BOB, EVE))
    assert await away.erase_statements("default", [ADA]) == 0
    await states[0].probe()
    for journal in (away, other):
        assert await known(journal) == [said(BOB, EVE)]


async def test_what_is_known_costs_one_small_read(states: list[State]) -> None:
    journal = RedisJournal(states[0])
    await states[0].probe()
    await say(journal, said(ADA, BOB))
    version, _ = await journal.statements("default", None)
    redis = states[1].redis
    await redis.config_resetstat()
    await journal.statements("default", version)
    asked = {name for name in await redis.info("commandstats") if not name.startswith("cmdstat_c")}
    assert asked == {"cmdstat_hget"}

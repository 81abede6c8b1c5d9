"""The journal keeps what must not be lost, and never what belongs to somebody else."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.journal.journal import STATES_KEPT, Journal, KeyedAs
from gateway.journal.store import BrokenJournal, SqliteJournal
from gateway.model.event import EventQuery, EventType, Happening
from gateway.model.source import Source
from gateway.shared.journal import RedisJournal
from gateway.shared.state import State, connect
from tests.journal.older import make_older

AT = "2026-01-01T00:00:00.000Z"
LONG_AGO = "2025-01-01T00:00:00.000Z"
PLACE = KeyedAs("default", "ada", "createContact", "order-17")


def created(contact: str | None = None) -> Happening:
    return Happening(type=EventType.CONTACT_CREATED, source=Source.PACKAGEX, contact=contact)


async def noted(journal: Journal, *happenings: Happening, account: str = "default") -> list[int]:
    numbers: list[int] = await journal.note(account, "ada", AT, happenings, answer=list)
    return numbers


async def test_events_come_in_the_order_in_which_they_were_noted(journal: Journal) -> None:
    first = await noted(journal, created("a"), created("b"))
    second = await noted(journal, created("a"))
    assert first + second == sorted(first + second)
    page = await journal.events("default", EventQuery(), 0, 2)
    assert [each.contact for each in page] == ["a", "b"]
    rest = await journal.events("default", EventQuery(), page[-1].number, 2)
    assert [each.number for each in rest] == second
    of_one = await journal.events("default", EventQuery(contact="a"), 0, 9)
    assert [each.number for each in of_one] == [first[0], *second]


async def test_events_are_those_of_the_account(journal: Journal) -> None:
    (number,) = await noted(journal, created(), account="acme")
    assert await journal.events("default", EventQuery(), 0, 9) == []
    assert await journal.event("default", number) is None
    assert await journal.event("acme", number + 1) is None
    assert (await journal.event("acme", number)) is not None


async def test_a_key_is_claimed_once_for_each_account_caller_and_mutation(journal: Journal) -> None:
    assert await journal.claim(PLACE, "print", AT, "me", LONG_AGO) is None
    held = await journal.claim(PLACE, "other print", AT, "you", LONG_AGO)
    assert held is not None
    assert (held.fingerprint, held.owner, held.answer) == ("print", "me", None)
    for other in (
        KeyedAs("acme", "ada", "createContact", "order-17"),
        KeyedAs("default", "bob", "createContact", "order-17"),
        KeyedAs("default", "ada", "sendMessage", "order-17"),
        KeyedAs("default", "ada", "createContact", "order-18"),
    ):
        assert await journal.claim(other, "print", AT, "you", LONG_AGO) is None


async def test_an_answer_is_kept_with_its_events_or_not_at_all(journal: Journal) -> None:
    await journal.claim(PLACE, "print", AT, "me", LONG_AGO)

    def fail(_: list[int]) -> dict[str, int]:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised above
        await journal.note("default", "ada", AT, [created()], answer=fail, place=PLACE)
    assert await journal.events("default", EventQuery(), 0, 9) == []
    await journal.note(
        "default", "ada", AT, [created()], answer=lambda numbers: {"events": numbers}, place=PLACE
    )
    held = await journal.claim(PLACE, "print", AT, "me", LONG_AGO)
    (event,) = await journal.events("default", EventQuery(), 0, 9)
    assert held is not None
    assert held.answer == {"events": [event.number]}


async def test_a_key_is_forgotten_with_its_steps_when_it_is_old(journal: Journal) -> None:
    await journal.claim(PLACE, "print", AT, "me", LONG_AGO)
    assert await journal.leaving(PLACE, "PACKAGEX", "me")
    assert not await journal.leaving(PLACE, "SMART_SENDER", "somebody else")
    await journal.step(PLACE, "SAMESPACE", {"status": "APPLIED"})
    assert await journal.steps(PLACE) == {"PACKAGEX": None, "SAMESPACE": {"status": "APPLIED"}}
    later = "2026-01-03T00:00:00.000Z"
    assert await journal.claim(PLACE, "new print", later, "me", "2026-01-02T00:00:00.000Z") is None
    assert await journal.steps(PLACE) == {}


async def test_a_write_that_is_released_may_be_taken_up_by_anybody(journal: Journal) -> None:
    await journal.claim(PLACE, "print", AT, "me", LONG_AGO)
    await journal.release(PLACE, "you")
    held = await journal.claim(PLACE, "print", AT, "you", LONG_AGO)
    assert held is not None
    assert held.owner == "me"
    await journal.release(PLACE, "me")
    assert await journal.take_over(PLACE, "you", "")
    assert await journal.leaving(PLACE, "PACKAGEX", "you")
    assert not await journal.leaving(PLACE, "PACKAGEX", "me")


async def test_what_a_process_left_behind_is_taken_over_by_one_only(journal: Journal) -> None:
    await journal.claim(PLACE, "print", AT, "gone", LONG_AGO)
    assert await journal.take_over(PLACE, "me", "gone")
    assert not await journal.take_over(PLACE, "you", "gone")


async def test_a_job_has_its_id_from_the_first_moment(journal: Journal) -> None:
    job = {"id": "", "state": "RUNNING"}
    number = await journal.begin_job("default", "me", job, lambda number: f"job {number}")
    assert await journal.job("default", number) == ("me", {"id": f"job {number}", "state": "RUNNING"})
    assert await journal.job("acme", number) is None
    assert [each[0] for each in await journal.jobs_in("default", "RUNNING")] == [number]
    await journal.keep_job(number, {**job, "state": "FINISHED"})
    assert await journal.jobs_in("default", "RUNNING") == []
    await journal.drop_job(number)
    assert await journal.job("default", number) is None


async def test_a_job_that_has_ended_is_not_ended_again(journal: Journal) -> None:
    number = await journal.begin_job("default", "gone", {"state": "RUNNING"}, str)
    assert await journal.end_job(number, "another", lambda job: {**job, "state": "INTERRUPTED"}) == {
        "state": "RUNNING",
        "id": str(number),
    }
    await journal.keep_job(number, {"state": "FINISHED"})
    interrupted = {"state": "INTERRUPTED"}
    assert await journal.end_job(number, "gone", lambda _: interrupted) == {"state": "FINISHED"}
    await journal.keep_job(number, {"state": "RUNNING"})
    assert await journal.end_job(number, "gone", lambda _: interrupted) == interrupted
    assert await journal.job("default", number) == ("gone", interrupted)
    assert await journal.end_job(number + 1, "gone", lambda _: interrupted) is None


@pytest.mark.parametrize(
    ("account", "caller", "bound", "now", "good"),
    [
        ("default", "ada", "file", AT, True),
        ("acme", "ada", "file", AT, False),
        ("default", "bob", "file", AT, False),
        ("default", "ada", "another file", AT, False),
        ("default", "ada", "file", "2026-01-01T00:15:00.000Z", False),
    ],
)
async def test_a_confirmation_is_good_for_what_it_was_given_for(
    journal: Journal, account: str, caller: str, bound: str, now: str, *, good: bool
) -> None:
    await journal.hand_out("token", "default", "ada", "file", "2026-01-01T00:15:00.000Z")
    assert await journal.redeem("token", account, caller, bound, now, use=False) is good
    assert await journal.redeem("token", account, caller, bound, now, use=True) is good
    assert not await journal.redeem("token", account, caller, bound, now, use=True)


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    for expected in (0, 1):
        journal = SqliteJournal(tmp_path / "journal.sqlite3")
        assert len(await journal.events("default", EventQuery(), 0, 9)) == expected
        await noted(journal, created())
        await journal.aclose()


def test_a_broken_journal_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"no journal at all, but something that somebody may want back" * 100)
    before = path.read_bytes()
    with pytest.raises(BrokenJournal):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_journal_of_another_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(BrokenJournal, match="version 99"):
        SqliteJournal(path)


# ---- in which state contacts were left


async def noticed(journal: Journal, states: dict[str, str], *happenings: Happening, at: str = AT) -> int:
    found: int = await journal.note("default", None, at, happenings, answer=len, states=states)
    return found


async def test_what_is_noticed_twice_is_an_event_once(journal: Journal) -> None:
    for expected in (2, 0):  # as two replicas do
        assert await noticed(journal, {"a": "1", "b": "1"}, created("a"), created("b")) == expected
    assert await noticed(journal, {"a": "1", "b": "2"}, created("a"), created("b")) == 1
    assert [each.contact for each in await journal.events("default", EventQuery(), 0, 9)] == ["a", "b", "b"]
    assert await journal.states("default", ["a", "b", "c"]) == {"a": "1", "b": "2"}
    assert await journal.states("acme", ["a"]) == {}


async def test_an_event_of_many_contacts_is_noted_as_long_as_one_of_them_is_new(journal: Journal) -> None:
    assert await noticed(journal, {"a": "1", "b": "1"}, created()) == 1
    assert await noticed(journal, {"a": "1", "b": "1"}, created()) == 0
    assert await noticed(journal, {"a": "1", "b": "2"}, created()) == 1


async def test_what_was_written_is_always_noted_and_its_state_with_it(journal: Journal) -> None:
    for _ in range(2):
        await journal.note("default", "ada", AT, [created("a")], answer=len, states={"a": "1"})
    assert len(await journal.events("default", EventQuery(), 0, 9)) == 2
    assert await noticed(journal, {"a": "1"}, created("a")) == 0


async def test_many_at_once_notice_each_change_once(journal: Journal) -> None:
    states = {str(number): "1" for number in range(20)}
    happenings = [created(contact) for contact in states]
    counts = await asyncio.gather(*(noticed(journal, states, *happenings) for _ in range(4)))
    assert sorted(counts) == [0, 0, 0, 20]


async def test_the_latest_event_is_that_of_the_account(journal: Journal) -> None:
    assert await journal.latest("default") == 0
    (number,) = await noted(journal, created("a"))
    await noted(journal, created("a"), account="acme")
    assert await journal.latest("default") == number


async def test_states_are_forgotten_after_a_day() -> None:
    journal = SqliteJournal(None)
    await noticed(journal, {"a": "1"}, at="2026-01-01T00:00:00.000Z")
    await noticed(journal, {"b": "1"}, at="2026-01-01T23:59:59.000Z")
    assert await journal.states("default", ["a", "b"]) == {"a": "1", "b": "1"}
    await noticed(journal, {"b": "1"}, at="2026-01-02T00:00:00.001Z")
    assert await journal.states("default", ["a", "b"]) == {"b": "1"}
    await journal.aclose()


async def test_states_in_redis_end_by_themselves(redis_url: str) -> None:
    state = State(connect(redis_url))
    await state.probe()
    await noticed(RedisJournal(state), {"a": "1"})
    assert 0 < await state.redis.ttl("contacts-gateway:state:default:a") <= STATES_KEPT.total_seconds()
    await state.aclose()


async def test_a_journal_from_before_the_states_gets_them(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    await noted(journal, created("a"))
    await journal.aclose()
    make_older(tmp_path / "journal", 2)
    journal = SqliteJournal(tmp_path / "journal")
    assert await noticed(journal, {"a": "1"}, created("a")) == 1
    assert len(await journal.events("default", EventQuery(), 0, 9)) == 2
    await journal.aclose()

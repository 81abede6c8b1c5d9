"""The budget of 180 requests a minute, and the lock that grows."""

from gateway.upstreams.smartsender.emulator_limit import RateLimit
from tests.upstreams.smartsender.asking import Clock, ask, emulator


def used_up(at: float = 0.0) -> RateLimit:
    limit = RateLimit()
    assert [limit.ask(at) for _ in range(180)] == [0] * 180
    return limit


def test_what_is_left_shrinks_with_every_request() -> None:
    limit = RateLimit()
    assert limit.left(0) == 180
    limit.ask(0)
    limit.ask(1)
    assert limit.left(1) == 178


def test_the_window_slides() -> None:
    limit = RateLimit()
    for second in range(180):
        assert limit.ask(second / 3) == 0
    assert limit.left(59.9) == 0
    assert limit.left(60.0) == 1
    assert limit.left(61.0) == 4


def test_the_first_excess_locks_for_a_minute() -> None:
    limit = used_up()
    assert limit.ask(10) == 60
    assert (limit.locks, limit.refused) == (1, 1)
    assert limit.left(69) == 0
    assert limit.left(70) == 180
    assert limit.ask(70) == 0


def test_each_request_while_locked_adds_a_minute() -> None:
    limit = used_up()
    assert [limit.ask(0), limit.ask(10), limit.ask(20)] == [60, 110, 160]
    assert limit.left(179.9) == 0
    assert limit.left(180) == 180
    assert (limit.locks, limit.refused) == (1, 3)


def test_a_lock_ends_after_twelve_minutes_however_often_one_knocks() -> None:
    limit = used_up()
    assert [limit.ask(0) for _ in range(20)][-9:] == [720] * 9
    assert limit.ask(719) == 1
    assert limit.ask(720) == 0


def test_an_excess_after_a_lock_locks_for_longer() -> None:
    limit = used_up()
    limit.ask(0)
    for _ in range(180):
        assert limit.ask(60) == 0
    assert limit.ask(61) == 120
    assert limit.locks == 2


def test_a_lock_is_told_in_whole_seconds_rounded_up() -> None:
    limit = used_up()
    limit.ask(0)
    assert limit.ask(59.5) == 61


async def test_every_answer_tells_what_is_left() -> None:
    project = emulator(25)
    answers = [await ask(project, "GET", path) for path in ("/contacts", "/contacts/1", "/nowhere")]
    assert [answer.headers["X-Rate-Limit"] for answer in answers] == ["179", "178", "177"]
    unknown = await ask(project, "GET", "/contacts", headers={})
    assert (unknown.status_code, unknown.headers["X-Rate-Limit"]) == (401, "176")


async def test_the_hundred_and_eighty_first_request_is_refused_until_the_lock_ends() -> None:
    clock = Clock()
    project = emulator(25, clock=clock)
    for _ in range(180):
        assert (await ask(project, "GET", "/channels")).status_code == 200
    locked = await ask(project, "GET", "/channels")
    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "60")
    assert locked.json() == {"error": {"code": 429, "message": "Too many requests"}}
    assert (project.refused, project.locks) == (1, 1)
    clock.now += 60
    after = await ask(project, "GET", "/channels")
    assert (after.status_code, after.headers["X-Rate-Limit"]) == (200, "179")


async def test_the_limit_can_be_switched_off() -> None:
    project = emulator(25)
    project.switches.rate_limits = False
    statuses = {(await ask(project, "GET", "/channels")).status_code for _ in range(200)}
    assert (statuses, project.refused) == ({200}, 0)


async def test_a_refused_write_has_no_effect() -> None:
    project = emulator(0, examples=True)
    for _ in range(180):
        await ask(project, "GET", "/channels")
    assert (await ask(project, "DELETE", "/contacts/50433")).status_code == 429
    project.switches.rate_limits = False
    assert (await ask(project, "GET", "/contacts/50433")).status_code == 200

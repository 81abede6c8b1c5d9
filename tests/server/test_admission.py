"""The gateway takes what it can carry out quickly, lets some wait, and refuses the rest at once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import deadline
from gateway.model.source import Source
from gateway.server.admission import FEWEST, UPLOADS, Admission
from gateway.server.patience import LONGEST, PART
from gateway.server.problems import Overloaded
from tests.conftest import Build
from tests.support.asgi import scope_of
from tests.support.waiting import until
from tests.support.world import World

LIST = "{ contacts(first: 5) { nodes { id } sources { source status } } }"


@contextmanager
def holding(admission: Admission, operations: int) -> Iterator[None]:
    taken = [admission.enter("ada") for _ in range(operations)]
    yield
    for _ in filter(None, taken):
        admission.leave("ada")


def grown(most: int) -> Admission:
    """One that has learned that the loop stays quick."""
    admission = Admission(most=most)
    for _ in range(200):
        admission._joined = 1
        admission.told(0.0, 0.0)
    return admission


def test_it_takes_a_few_at_first_and_as_many_as_are_allowed_where_the_loop_stays_quick() -> None:
    admission = Admission(most=100)
    assert admission.limit == FEWEST
    admission = grown(100)
    with holding(admission, 100):
        assert not admission.enter("ada")
    assert admission.under_way == 0


def test_a_late_loop_takes_fewer_and_fewer_but_never_too_few() -> None:
    admission = grown(1_000)
    with holding(admission, 200):
        limits = []
        for _ in range(100):
            admission.told(0.5, 0.0)
            limits.append(admission.limit)
        assert limits[0] < 200
        assert limits == sorted(limits, reverse=True)
        assert admission.limit == FEWEST


async def test_it_takes_more_when_the_loop_is_quick_again_and_some_wait() -> None:
    admission = grown(100)
    with holding(admission, 100):
        for _ in range(50):
            admission.told(0.5, 0.0)
    assert admission.limit == FEWEST
    with holding(admission, FEWEST):
        waiters = [admission.join("ada", 30.0, 0.0, asyncio.Future()) for _ in range(64)]
        for _ in range(60):
            admission.told(0.0, 0.0)
        assert admission.limit == 100
        assert all(waiter.called.done() for waiter in waiters)
        assert admission.under_way == 100
        for _ in waiters:
            admission.leave("ada")


def test_a_pause_while_there_is_little_to_do_changes_nothing() -> None:
    admission = grown(1_000)
    with holding(admission, 10):
        before = admission.limit
        admission.told(5.0, 0.0)
    assert before - admission.limit <= 1


def test_what_nobody_needs_is_forgotten() -> None:
    """A crowd after an hour of quiet is not let in as a whole because sources were slow then."""
    admission = grown(1_000)
    for _ in range(1_000):
        admission.told(0.0, 0.0)
    assert admission.limit == FEWEST


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=200), st.integers(1, 500))
def test_the_limit_stays_within_its_bounds(told: list[tuple[float, bool]], most: int) -> None:
    admission = Admission(most=most)
    for lag, waited in told:
        admission._joined = int(waited)
        admission.told(lag, 0.0)
        assert min(FEWEST, most) <= admission.limit <= most


def test_uploads_are_counted_apart() -> None:
    admission = Admission()
    with ExitStack() as held:
        for _ in range(UPLOADS):
            held.enter_context(admission.upload())
        with pytest.raises(Overloaded):
            admission.upload().__enter__()


@pytest.mark.parametrize(("of_one", "most"), [(0.75, 6), (0.01, 1), (1.0, UPLOADS)])
def test_one_caller_gets_its_part_of_the_uploads(of_one: float, most: int) -> None:
    admission = Admission(of_one=of_one)
    with ExitStack() as held:
        for _ in range(most):
            held.enter_context(admission.upload("ada"))
        with pytest.raises(Overloaded):
            admission.upload("ada").__enter__()
        if most < UPLOADS:
            held.enter_context(admission.upload("bob"))
    with admission.upload("ada"):
        assert admission.uploads == 1


def leaving(world: World, query: str) -> tuple[list[dict[str, object]], asyncio.Event, "asyncio.Task[None]"]:
    """A request of somebody who goes away when the event is set, and what is sent to it."""
    gone, sent, received = asyncio.Event(), list[dict[str, object]](), list[int]()
    request = httpx.Request("POST", "http://127.0.0.1:8000/graphql", json={"query": query})

    async def receive() -> dict[str, object]:
        if not received:
            received.append(1)
            return {"type": "http.request", "body": request.content, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    return sent, gone, asyncio.create_task(world.app(scope_of(request), receive, send))


@pytest.fixture
def busy(new_world: Build) -> Callable[..., tuple[World, asyncio.Event]]:
    """Makes a gateway of one place, whose source does not answer before the event is set."""

    def build(**settings: str) -> tuple[World, asyncio.Event]:
        world, hold = new_world(**{"GATEWAY_CONCURRENCY": "1", **settings}), asyncio.Event()
        world.boards[Source.PACKAGEX].sleep = lambda _: hold.wait()
        world.boards[Source.PACKAGEX].fail(latency=1.0)
        return world, hold

    return build


Busy = Callable[..., tuple[World, asyncio.Event]]


async def test_what_finds_no_place_waits_and_what_finds_no_line_meets_503_with_a_time(busy: Busy) -> None:
    world, hold = busy()
    admission = world.gateway.admission
    first = asyncio.create_task(world.ask(LIST))
    await until(lambda: admission.under_way)
    second = asyncio.create_task(world.ask(LIST))
    await until(lambda: len(admission.line))
    refused = await world.ask(LIST)
    assert (refused.status, refused.codes) == (503, ["OVERLOADED"])
    assert refused.headers["retry-after"] == "1"
    assert refused.errors[0]["extensions"]["retryable"] is True
    assert (admission.under_way, len(admission.line)) == (1, 1)
    hold.set()
    assert [(await task).status for task in (first, second)] == [200, 200]
    assert (await world.ask(LIST)).status == 200
    assert (admission.under_way, len(admission.line)) == (0, 0)


async def test_who_has_waited_too_long_is_refused(busy: Busy) -> None:
    world, hold = busy()
    admission, loop = world.gateway.admission, asyncio.get_running_loop()
    first = asyncio.create_task(world.ask(LIST))
    await until(lambda: admission.under_way)
    second = asyncio.create_task(world.ask(LIST, headers={"X-Deadline-Ms": "30000"}))
    await until(lambda: len(admission.line))
    admission.told(0.0, loop.time() + 0.9 * LONGEST)
    assert len(admission.line) == 1
    admission.told(0.0, loop.time() + LONGEST)
    assert ((await second).status, (await second).codes) == (503, ["OVERLOADED"])
    third = asyncio.create_task(world.ask(LIST, headers={"X-Deadline-Ms": "2000"}))
    await until(lambda: len(admission.line))
    admission.told(0.0, loop.time() + 2.0 * PART)  # of two seconds
    assert (await third).status == 503
    hold.set()
    assert (await first).status == 200


@pytest.mark.parametrize(
    "query",
    [
        LIST,
        'mutation { updateContact(input: { id: "x", contact: { email: "a@b.c" } }) { userErrors { code } } }',
    ],
)
async def test_who_goes_away_leaves_the_line_and_nothing_is_carried_out(busy: Busy, query: str) -> None:
    world, hold = busy()
    admission = world.gateway.admission
    first = asyncio.create_task(world.ask(LIST))
    await until(lambda: all(board.operations for board in world.boards.values()))
    calls = {source: board.operations.copy() for source, board in world.boards.items()}
    sent, gone, serving = leaving(world, query)
    await until(lambda: len(admission.line))
    gone.set()
    await serving
    assert sent[0]["status"] == 499
    assert (admission.under_way, len(admission.line)) == (1, 0)
    assert {source: board.operations for source, board in world.boards.items()} == calls
    hold.set()
    assert (await first).status == 200


async def test_a_place_that_comes_when_its_caller_has_just_gone_is_given_back(busy: Busy) -> None:
    world, _ = busy()
    admission = world.gateway.admission
    assert admission.enter("ada")
    for give in (False, True):
        waiting = asyncio.create_task(admission.turn("ada", 30.0))
        await until(lambda: len(admission.line))
        if give:
            admission.leave("ada")
            waiting.cancel()
        else:
            waiting.cancel()
            admission.leave("ada")
            assert admission.enter("ada")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(admission.line) == 0
    assert admission.under_way == 0


async def test_waiting_is_a_part_of_an_operations_time(busy: Busy) -> None:
    world, hold = busy(GATEWAY_DEADLINE_SECONDS="20")
    admission, loop = world.gateway.admission, asyncio.get_running_loop()
    ends: list[float] = []
    begun: list[float] = []

    async def note(_: float) -> None:
        found = deadline.current()
        ends.append(found.at if found else 0.0)
        begun.append(loop.time())
        await hold.wait()

    world.boards[Source.PACKAGEX].sleep = note
    asked = [asyncio.create_task(world.ask(LIST, headers={"Cache-Control": "no-cache"}))]
    await until(lambda: ends)
    asked.append(asyncio.create_task(world.ask(LIST, headers={"Cache-Control": "no-cache"})))
    await until(lambda: len(admission.line))
    for _ in range(1_000):  # so that it waits for longer than it takes to begin
        await asyncio.sleep(0)
    hold.set()
    assert [(await task).status for task in asked] == [200, 200]
    waited = world.gateway.voice.metrics.registry.get_sample_value("gateway_operation_wait_seconds_sum")
    assert waited
    assert ends[-1] > ends[0]
    assert ends[-1] - 20 + waited <= begun[-1]


async def test_a_late_loop_that_uses_up_all_of_the_time_is_no_reason_to_begin() -> None:
    admission = Admission(most=1)
    assert admission.enter("ada")
    waiting = asyncio.create_task(admission.turn("ada", 1e-9))
    await until(lambda: len(admission.line))
    admission.leave("ada")
    with pytest.raises(Overloaded):
        await waiting
    assert (admission.under_way, admission.refused) == (0, 1)


async def test_probes_are_answered_however_much_there_is_to_do(busy: Busy) -> None:
    world, hold = busy()
    admission = world.gateway.admission
    asked = [asyncio.create_task(world.ask(LIST)) for _ in range(2)]
    await until(lambda: len(admission.line))
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await world.client.get(path)).status_code == 200
    assert "gateway_operations_waiting 1.0" in (await world.client.get("/metrics")).text
    hold.set()
    assert [(await task).status for task in asked] == [200, 200]
    assert "gateway_operation_wait_seconds_count 1.0" in (await world.client.get("/metrics")).text


NESTED = "{ contacts(first: 2, sources: [SMART_SENDER]) { nodes { chat { id } } } }"


@pytest.mark.parametrize(
    ("query", "source", "operation"),
    [
        (LIST, Source.SAMESPACE, "getContacts"),
        (LIST, Source.PACKAGEX, "listContacts"),
        (NESTED, Source.SMART_SENDER, "getContactChat"),
    ],
)
async def test_when_the_caller_goes_away_its_calls_to_sources_end(
    new_world: Build, query: str, source: Source, operation: str
) -> None:
    world = new_world()
    ended = asyncio.Event()

    async def hang(_: float) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    world.boards[source].sleep = hang
    world.boards[source].fail(operation, latency=1.0)
    sent, gone, serving = leaving(world, query)
    await until(lambda: world.boards[source].operations[operation])
    other = asyncio.create_task(world.ask("{ channels { nodes { id } } }"))
    gone.set()
    await serving
    await ended.wait()
    assert sent[0]["status"] == 499
    assert (await other).status == 200
    assert world.gateway.admission.under_way == 0

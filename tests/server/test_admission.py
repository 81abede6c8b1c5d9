"""The gateway takes what it can carry out quickly, and refuses the rest at once."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.source import Source
from gateway.server.admission import FEWEST, UPLOADS, Admission
from gateway.server.problems import Overloaded
from tests.conftest import Build
from tests.support.asgi import scope_of
from tests.support.waiting import until

LIST = "{ contacts(first: 5) { nodes { id } sources { source status } } }"


@contextmanager
def holding(admission: Admission, operations: int) -> Iterator[None]:
    with ExitStack() as held:
        for _ in range(operations):
            held.enter_context(admission.one())
        yield


def test_a_quick_loop_takes_as_many_as_are_allowed() -> None:
    admission = Admission(most=100)
    with holding(admission, 100), pytest.raises(Overloaded):
        admission.one().__enter__()
    assert (admission.under_way, admission.refused) == (0, 1)


def test_a_late_loop_takes_fewer_and_fewer_but_never_too_few() -> None:
    admission = Admission(most=1_000)
    with holding(admission, 200):
        limits = []
        for _ in range(100):
            admission.told(0.5)
            limits.append(admission.limit)
        assert limits[0] < 200
        assert limits == sorted(limits, reverse=True)
        assert admission.limit == FEWEST


def test_it_recovers_when_the_loop_is_quick_again_and_there_is_something_to_do() -> None:
    admission = Admission(most=100)
    for _ in range(50):
        admission.told(0.5)
    for _ in range(200):
        with holding(admission, int(admission.limit)):
            admission.told(0.0)
    assert admission.limit == 100


def test_a_pause_while_there_is_little_to_do_changes_nothing() -> None:
    admission = Admission(most=1_000)
    with holding(admission, 10):
        admission.told(5.0)
    assert admission.limit == 1_000


def test_a_quiet_gateway_takes_all_again_though_nobody_asks() -> None:
    admission = Admission(most=100)
    with holding(admission, 100):
        for _ in range(20):
            admission.told(0.5)
    assert admission.limit == FEWEST
    for _ in range(100):
        admission.told(0.0)
    assert admission.limit == 100


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 500))
def test_the_limit_stays_within_its_bounds(lags: list[float], most: int) -> None:
    admission = Admission(most=most)
    for lag in lags:
        admission.told(lag)
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


async def test_what_does_not_fit_meets_503_with_a_time(new_world: Build) -> None:
    world = new_world(GATEWAY_CONCURRENCY="1")
    hold = asyncio.Event()
    world.boards[Source.PACKAGEX].sleep = lambda _: hold.wait()
    world.boards[Source.PACKAGEX].fail(latency=1.0)
    first = asyncio.create_task(world.ask(LIST))
    await until(lambda: world.gateway.admission.under_way)
    refused = await world.ask(LIST)
    assert (refused.status, refused.codes) == (503, ["OVERLOADED"])
    assert refused.headers["retry-after"] == "1"
    assert refused.errors[0]["extensions"]["retryable"] is True
    hold.set()
    assert (await first).status == 200
    assert (await world.ask(LIST)).status == 200


async def test_probes_are_answered_however_much_there_is_to_do(new_world: Build) -> None:
    world = new_world(GATEWAY_CONCURRENCY="1")
    with world.gateway.admission.one():
        assert (await world.client.get("/healthz")).status_code == 200
        assert (await world.client.get("/readyz")).status_code == 200


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
    gone = asyncio.Event()
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        if not received:
            received.append(1)
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    received: list[int] = []
    request = httpx.Request("POST", "http://127.0.0.1:8000/graphql", json={"query": query})
    body = request.content
    serving = asyncio.create_task(world.app(scope_of(request), receive, send))
    await until(lambda: world.boards[source].operations[operation])
    other = asyncio.create_task(world.ask("{ channels { nodes { id } } }"))
    gone.set()
    await serving
    await ended.wait()
    assert sent[0]["status"] == 499
    assert (await other).status == 200
    assert world.gateway.admission.under_way == 0

"""What reaches a socket before it is a request: heads and bodies that drip, are huge, or mean two things."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.allowances import Intake
from gateway.app import guard
from gateway.server import running
from gateway.server import upgraded as sockets
from gateway.server.protocol import Guarded, guarded
from tests.conftest import Build
from tests.support import process
from tests.support.waiting import until
from tests.support.world import World

PATIENCE = 20.0  # a bound against hanging; nothing waits for it
SOON = 0.15
BODY = b'{"query": "{ __typename }"}'
HOST = b"Host: localhost\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\n" + HOST
ALIVE_WHOLE = ALIVE + b"\r\n"
POST = b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass
class Place:
    """A server on a free port. `seen` are the paths that reached the application, `told` the bounds."""

    port: int
    seen: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    met: asyncio.Event = field(default_factory=asyncio.Event)
    state: ServerState = field(default_factory=ServerState)

    async def open(self) -> "Talk":
        return Talk(*await asyncio.open_connection("127.0.0.1", self.port))

    async def send(self, data: bytes) -> bytes:
        """All that comes back until the server ends the connection."""
        async with await self.open() as talk:
            await talk.write(data)
            return await talk.rest()


@dataclass
class Talk:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Talk":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def write(self, data: bytes) -> None:
        """Send; that the server may have hung up meanwhile is seen by whoever reads."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def rest(self) -> bytes:
        found = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while piece := await self.reader.read(65_536):
                    found += piece
            except ConnectionError:  # it was ended while more of ours was on its way
                pass
        return found

    async def answer(self) -> tuple[int, bytes]:
        """The next answer: its status and body."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            return int(head.split(b" ", 2)[1]), await self.reader.readexactly(int(length[1]) if length else 0)


def statuses(answers: bytes) -> list[int]:
    """The status of each answer in what came back."""
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def body_of(answer: bytes) -> Any:
    return orjson.loads(answer.partition(b"\r\n\r\n")[2])


@asynccontextmanager
async def serving(
    app: ASGIApp, intake: Intake, told: Callable[[str], None] = lambda _: None, most: int | None = None
) -> AsyncIterator[Place]:
    """Serve an application with these bounds, without the loop of uvicorn, which ends at its leisure."""
    listening = running.listen("127.0.0.1", 0)
    place = Place(listening.getsockname()[1])

    def heard(bound: str) -> None:
        place.told.append(bound)
        place.met.set()
        told(bound)

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        place.seen.append(scope["path"])
        await app(scope, receive, send)

    protocol = guarded(intake, heard)
    assert issubclass(protocol, Guarded)
    protocol.most = most or protocol.most
    chosen = uvicorn.Config(
        noted,
        http=protocol,
        ws=sockets.guarded(intake, heard),
        loop="none",
        lifespan="off",
        log_config=None,
        server_header=False,
    )
    chosen.load()
    state = place.state
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=chosen, server_state=state, app_state={}), sock=listening
    )
    try:
        yield place
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await until(lambda: not state.connections and not state.tasks)


@pytest.fixture
async def place(fresh: World) -> AsyncIterator[Place]:
    """The gateway with its usual bounds."""
    held = guard(fresh.gateway.config, fresh.app)
    async with serving(fresh.app, held.intake, held.told) as found:
        yield found


@pytest.fixture
async def hasty(new_world: Build) -> AsyncIterator[Place]:
    """A gateway that waits for nobody."""
    world = new_world(
        GATEWAY_HEAD_SECONDS=str(SOON), GATEWAY_BODY_SECONDS=str(SOON), GATEWAY_HEADER_BYTES="2000"
    )
    held = guard(world.gateway.config, world.app)
    intake = replace(held.intake, linger_seconds=SOON)
    async with serving(world.app, intake, held.told) as found:
        yield found


# ---- what takes too long


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_an_answer_comes_as_a_whole(method: bytes, place: Place) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(ALIVE_WHOLE.replace(b"GET", method))
    head, _, body = (await reader.read(65_536)).partition(b"\r\n\r\n")
    writer.close()
    assert statuses(head + b"\r\n") == [200]
    assert bool(body) is (method == b"GET")


async def test_a_head_that_drips_is_refused_in_the_middle(hasty: Place) -> None:
    async with await hasty.open() as slow, await hasty.open() as other:
        await slow.write(b"GET /healthz HTTP/1.1\r\nX: ")
        answers = asyncio.create_task(slow.rest())
        while not answers.done():  # a byte more for each request of somebody else, who is not held up
            await slow.write(b"x")
            await other.write(ALIVE_WHOLE)
            assert (await other.answer())[0] == 200
        answer = await answers
    assert statuses(answer) == [408]
    assert body_of(answer)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "head_seconds" in hasty.told


async def test_a_connection_that_says_nothing_is_ended_without_a_word(hasty: Place) -> None:
    assert await hasty.send(b"") == b""
    assert (hasty.told, hasty.seen) == (["head_seconds"], [])


async def test_the_head_of_a_second_request_may_not_drip_either(hasty: Place) -> None:
    answers = await hasty.send(ALIVE_WHOLE + ALIVE)
    assert statuses(answers) == [200, 408]


async def test_blank_lines_keep_no_connection_open(hasty: Place) -> None:
    async with await hasty.open() as talk:
        await talk.write(ALIVE_WHOLE)
        assert (await talk.answer())[0] == 200
        await talk.write(b"\r\n")
        assert await talk.rest() == b""
    assert hasty.told == ["head_seconds"]


async def test_a_body_that_drips_is_refused(hasty: Place) -> None:
    answer = await hasty.send(POST + LENGTH + b"\r\n" + BODY[:5])
    assert statuses(answer) == [408]
    assert body_of(answer)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_body_that_goes_on_after_its_answer_is_not_waited_for(hasty: Place) -> None:
    head = POST.replace(b"application/json", b"text/nothing")
    answer = await hasty.send(head + LENGTH + b"\r\n" + BODY[:5])
    assert statuses(answer) == [415]
    assert hasty.told == ["body_seconds"]


async def test_a_body_that_is_told_to_be_huge_is_refused_before_it_comes(hasty: Place) -> None:
    assert statuses(await hasty.send(POST + b"Content-Length: 999999999999\r\n\r\nx")) == [413]


class Slow:
    """Answers when told to."""

    def __init__(self, size: int = 2) -> None:
        self.go = asyncio.Event()
        self.size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.go.wait()
        while (await receive()).get("more_body"):
            pass
        length = (b"content-length", str(self.size).encode())
        start: Message = {"type": "http.response.start", "status": 200, "headers": [length]}
        await send(start)
        await send({"type": "http.response.body", "body": b"x" * self.size})


def at_once(size: int = 2) -> Slow:
    """One that needs not be told to."""
    found = Slow(size)
    found.go.set()
    return found


@pytest.fixture
async def plain() -> AsyncIterator[Place]:
    """Something that answers every request alike, with the usual bounds."""
    async with serving(at_once(), Intake()) as found:
        yield found


async def test_an_answer_may_take_longer_than_a_head() -> None:
    slow = Slow()
    async with serving(slow, Intake(head_seconds=0.01)) as place, await place.open() as talk:
        await talk.write(ALIVE_WHOLE)
        async with await place.open() as silent:  # one that is ended by the bound shows that it is over
            await silent.rest()
        slow.go.set()
        assert await talk.answer() == (200, b"xx")
        assert place.told == ["head_seconds"]


async def test_a_head_behind_a_request_under_way_does_not_cut_its_answer() -> None:
    slow = Slow()
    async with serving(slow, Intake(head_seconds=0.01)) as place, await place.open() as talk:
        await talk.write(ALIVE_WHOLE + b"GET /x")
        async with await place.open() as silent:
            await silent.rest()
        slow.go.set()
        assert statuses(await talk.rest()) == [200, 408]


async def test_a_connection_may_rest_between_requests_for_longer_than_a_head() -> None:
    async with serving(at_once(), Intake(head_seconds=0.01)) as place, await place.open() as talk:
        for _ in range(3):
            await talk.write(ALIVE_WHOLE)
            assert await talk.answer() == (200, b"xx")
            async with await place.open() as silent:
                await silent.rest()
        assert place.told == ["head_seconds"] * 3


async def test_who_does_not_read_the_answer_is_left() -> None:
    large = at_once(64_000_000)  # more than the system holds for two sockets
    async with serving(large, Intake(answer_seconds=0.05)) as place, await place.open() as talk:
        await talk.write(ALIVE_WHOLE)
        async with asyncio.timeout(PATIENCE):
            await place.met.wait()
        assert place.told == ["answer_seconds"]


# ---- what is too large


@pytest.mark.parametrize(
    "head",
    [
        ALIVE + b"X: " + b"x" * 3_000,
        ALIVE + b"X: " + b"x" * 3_000 + b"\r\n\r\n",
        ALIVE + b"X: y\r\n" * 500,
        b"GET /" + b"x" * 3_000,
        b"GET /" + b"x" * 3_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\r\n" * 1_500,
    ],
    ids=["a value", "a whole one", "many", "a path", "a whole path", "blank lines"],
)
async def test_a_huge_head_is_refused(hasty: Place, head: bytes) -> None:
    async with await hasty.open() as talk:
        await talk.write(head)
        status, body = await talk.answer()
    assert status == 431
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_a_large_body_is_no_head(plain: Place) -> None:
    """Also where it comes at once with its head, and is larger than one may be."""
    large = BODY + b" " * 200_000
    async with await plain.open() as talk:
        for _ in range(2):
            await talk.write(POST + b"Content-Length: %d\r\n\r\n" % len(large) + large)
            assert await talk.answer() == (200, b"xx")
    assert plain.told == []


async def test_what_stands_around_a_body_is_limited_too(hasty: Place) -> None:
    async with await hasty.open() as talk:
        await talk.write(POST + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n" % (len(BODY), BODY))
        answers = asyncio.create_task(talk.rest())
        while not answers.done():
            await talk.write(b"X: a trailer\r\n" * 20)
            await asyncio.sleep(0)
    assert "header_bytes" in hasty.told


async def test_trailers_are_no_headers(new_world: Build) -> None:
    """What comes after a body must not name the request, its caller or its deadline."""
    world = new_world()
    async with serving(world.app, Intake()) as place, await place.open() as talk:
        await talk.write(POST + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n" % (len(BODY), BODY))
        await talk.write(b"X-Deadline-Ms: nonsense\r\n\r\n")
        status, body = await talk.answer()
    assert (status, orjson.loads(body)["data"]) == (200, {"__typename": "Query"})


async def test_more_connections_than_allowed_are_not_taken(fresh: World) -> None:
    held = guard(fresh.gateway.config, fresh.app)
    async with serving(fresh.app, held.intake, held.told, most=2) as place:
        async with await place.open() as first, await place.open() as second:
            for talk in (first, second):
                await talk.write(ALIVE_WHOLE)
                assert (await talk.answer())[0] == 200
            assert await place.send(ALIVE_WHOLE) == b""
            await first.write(ALIVE_WHOLE)
            assert (await first.answer())[0] == 200
        assert place.told == ["connections"]


# ---- what means two things


@pytest.mark.parametrize(
    "said",
    [
        LENGTH + CHUNKED,
        CHUNKED + LENGTH,
        b"Content-Length: 0\r\n" + CHUNKED,
        LENGTH + b"Transfer-Encoding:\tchunked\r\n",
        LENGTH + b"transfer-encoding: CHUNKED\r\n",
        LENGTH + b"Transfer-Encoding : chunked\r\n",
        LENGTH + b"Transfer-Encoding: xchunked\r\n",
        LENGTH + b"Transfer-Encoding: identity\r\n",
        LENGTH + b"Transfer-Encoding: chunked, identity\r\n",
        LENGTH + b"Transfer-Encoding: \x0bchunked\r\n",
        LENGTH + b"Transfer-Encoding:\r\n chunked\r\n",
        LENGTH + b" Transfer-Encoding: chunked\r\n",
        LENGTH + b"X: y\nTransfer-Encoding: chunked\r\n",
        LENGTH + b"X: y\rTransfer-Encoding: chunked\r\n",
        CHUNKED + CHUNKED,
        CHUNKED + b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        LENGTH + LENGTH,
        LENGTH + b"Content-Length: 3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: 1e3\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: " + b"9" * 30 + b"\r\n",
        LENGTH + b"X: a\r\n folded\r\n",
    ],
    ids=repr,
)
@pytest.mark.parametrize("body", [BODY, CHUNKS, b"0\r\n\r\n"], ids=["plain", "chunked", "empty"])
async def test_a_request_whose_end_is_told_in_two_ways_smuggles_no_other(
    plain: Place, said: bytes, body: bytes
) -> None:
    answers = await plain.send(POST + said + b"\r\n" + body + ALIVE_WHOLE)
    assert statuses(answers) == [400]
    assert "/healthz" not in plain.seen


@pytest.mark.parametrize(
    "chunk",
    [b"zz\r\n", b"-1\r\n", b"f" * 18 + b"\r\n", b" 5\r\n", b"5\n{}", b"0x5\r\n", b"\r\n", b"5\r\n{}   xx"],
)
async def test_an_odd_chunk_ends_the_connection(plain: Place, chunk: bytes) -> None:
    answers = await plain.send(POST + CHUNKED + b"\r\n" + chunk + ALIVE_WHOLE)
    assert statuses(answers) == [400]
    assert "/healthz" not in plain.seen


GARBAGE = [
    b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: y\rZ: q\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\x00: a\r\n\r\n",
    b"GET /heal\x00thz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n: nameless\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET ?query={__typename} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http:/// HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"NONSENSE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    bytes.fromhex("16030100c8010000c40303"),
    bytes(range(256)) * 4,
    b"{}\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE, ids=lambda data: repr(data[:50]))
async def test_what_is_no_http_is_refused_in_the_usual_form(plain: Place, data: bytes) -> None:
    answer = await plain.send(data)
    assert statuses(answer) == [400]
    assert body_of(answer)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert plain.seen == []


async def test_garbage_behind_a_request_gets_no_answer_of_its_own(place: Place) -> None:
    assert statuses(await place.send(ALIVE_WHOLE + b"\x00\x01\x02")) == [400]


# ---- what is odd, and HTTP all the same


async def test_requests_sent_at_once_are_answered_in_their_order(place: Place) -> None:
    one, other = [
        POST + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in (BODY, b'{"query": "{ nope }"}')
    ]
    async with await place.open() as talk:
        await talk.write(one + ALIVE_WHOLE + other + one)
        found = [await talk.answer() for _ in range(4)]
    assert [status for status, _ in found] == [200] * 4
    assert ["nope" in body.decode() for _, body in found] == [False, False, True, False]
    assert place.seen == ["/graphql", "/healthz", "/graphql", "/graphql"]


async def test_after_the_last_request_of_a_connection_nothing_is_carried_out(place: Place) -> None:
    answers = await place.send(ALIVE + b"Connection: close\r\n\r\n" + POST + LENGTH + b"\r\n" + BODY)
    assert statuses(answers) == [200]
    assert place.seen == ["/healthz"]


async def test_http_1_0_is_answered_once(place: Place) -> None:
    answers = await place.send(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n" + ALIVE_WHOLE)
    assert statuses(answers) == [200]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.0\r\n\r\n",
        b"GET http://localhost/healthz HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: example.com\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_without_keys_a_host_that_is_not_ours_is_refused_however_it_is_told(
    place: Place, head: bytes
) -> None:
    async with await place.open() as talk:
        await talk.write(head)
        status, body = await talk.answer()
    assert status == 403
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"GET http://localhost/healthz", 200),
        (b"GET http://example.com/healthz", 200),  # the path counts; nothing is fetched from there
        (b"GET //example.com/", 404),
        (b"GET http://example.com//", 404),
        (b"OPTIONS *", 404),
        (b"TRACE /graphql", 405),
        (b"GET /healthz%00", 404),
        (b"GET /healthz%0d%0aX:%20y", 404),
        (b"GET /graphiql/assets/../../../../pyproject.toml", 404),
        (b"GET /graphiql/assets/%2e%2e/page.py", 404),
        (b"GET /graphiql/assets/..%2fpage.py", 404),
        (b"GET /graphiql/assets/%00", 404),
        (b"GET /graphql?query=%ff%fe", 200),
    ],
)
async def test_a_target_is_a_path_and_nothing_else(place: Place, target: bytes, status: int) -> None:
    async with await place.open() as talk:
        await talk.write(target + b" HTTP/1.1\r\n" + HOST + b"Accept: application/json\r\n\r\n")
        found, body = await talk.answer()
    assert found == status
    assert b"build-backend" not in body


async def test_who_waits_to_be_told_to_go_on_is_told_once(place: Place) -> None:
    async with await place.open() as talk:
        await talk.write(POST + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n")
        assert await talk.answer() == (100, b"")
        await talk.write(BODY)
        assert (await talk.answer())[0] == 200


@pytest.mark.parametrize("to", [b"h2c", b"nonsense"])
async def test_no_other_protocol_is_spoken(place: Place, to: bytes) -> None:
    async with await place.open() as talk:
        await talk.write(ALIVE + b"Connection: Upgrade\r\nUpgrade: " + to + b"\r\n\r\n")
        assert (await talk.answer())[0] == 200


# ---- what operators see


async def test_each_bound_that_was_met_is_counted(new_world: Build) -> None:
    world = new_world(GATEWAY_HEAD_SECONDS=str(SOON), GATEWAY_HEADER_BYTES="2000")
    held = guard(world.gateway.config, world.app)
    async with serving(world.app, held.intake, held.told) as place:
        await place.send(b"GET")
        await place.send(ALIVE + b"x" * 3_000)
    text = (await world.client.get("/metrics")).text
    for bound in ("head_seconds", "header_bytes"):
        assert f'gateway_limit_refusals_total{{limit="{bound}"}} 1.0' in text


async def test_the_command_keeps_these_bounds() -> None:
    settings = {"GATEWAY_HEAD_SECONDS": str(SOON), "GATEWAY_BODY_SECONDS": str(SOON)}
    with process.sandbox(settings=settings) as address:
        place = Place(int(address.rpartition(":")[2]))
        assert statuses(await place.send(ALIVE)) == [408]
        assert statuses(await place.send(POST + LENGTH + CHUNKED + b"\r\n" + CHUNKS + ALIVE_WHOLE)) == [400]
        assert statuses(await place.send(ALIVE + b"X: " + b"x" * 70_000)) == [431]
        async with await place.open() as talk:
            await talk.write(POST + LENGTH + b"\r\n" + BODY[:5])
            assert (await talk.answer())[0] == 408
            await talk.write(BODY[5:])
        async with await place.open() as talk:
            await talk.write(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")
            _, body = await talk.answer()
    assert b'gateway_limit_refusals_total{limit="head_seconds"} 1.0' in body


# ---- sockets

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def frame(opcode: int, text: bytes = b"", *, last: bool = True) -> bytes:
    """A short frame of a client, masked with nothing."""
    return bytes([(0x80 if last else 0) | opcode, 0x80 | len(text), 0, 0, 0, 0]) + text


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes a socket, and answers its first message with a large one and every further one alike."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": bytes(32_000_000)})


async def upgraded(talk: Talk) -> None:
    """Have a socket instead of HTTP."""
    await talk.write(UPGRADE)
    async with asyncio.timeout(PATIENCE):
        assert b" 101 " in await talk.reader.readuntil(b"\r\n\r\n")


async def test_who_does_not_read_a_socket_is_left() -> None:
    async with serving(echo, Intake(answer_seconds=0.05)) as place, await place.open() as talk:
        await upgraded(talk)
        await talk.write(frame(1, b"more"))
        async with asyncio.timeout(PATIENCE):
            await place.met.wait()
        assert place.told == ["answer_seconds"]
        await until(lambda: not place.state.connections)


async def test_pings_of_who_does_not_read_leave_nothing_behind() -> None:
    async with serving(echo, Intake()) as place, await place.open() as talk:
        await upgraded(talk)
        await talk.write(frame(1, b"more"))
        await until(lambda: any(waiting(each) for each in place.state.connections))
        (connection,) = place.state.connections
        before = waiting(connection)
        await talk.write(frame(9, bytes(100)) * 10_000)
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert waiting(connection) <= before


def waiting(connection: Any) -> int:
    """Bytes that are not on their way yet."""
    return int(connection.transport.get_write_buffer_size())


async def test_a_message_of_endless_frames_is_not_kept() -> None:
    async with serving(echo, Intake()) as place, await place.open() as talk:
        await upgraded(talk)
        await talk.write(frame(1, last=False) + frame(0, last=False) * 2_000)
        assert b"\x03\xf1" in await talk.rest()  # 1009
        assert place.told == ["body_bytes"]

"""GraphQL over WebSocket: every message and close code of `graphql-transport-ws`, and who may do what."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, count, repeat
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.model.source import Source
from gateway.server.websocket import MOST
from tests.conftest import Build
from tests.support.serving import serving
from tests.support.waiting import give_way, until
from tests.support.world import World

PROTOCOL = "graphql-transport-ws"
FOLLOW = "subscription { events { cursor node { type contact { displayName } } } }"
CREATE = 'mutation { createContact(input: { contact: { firstName: "Ada" }, targets: [{ source: PACKAGEX }] }) { contacts { id } } }'
KEYS = ";".join(
    f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{scopes}"
    for name, scopes in (("all", "read,write,admin"), ("writer", "write"))
)


@dataclass
class Talk:
    """One connection."""

    socket: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def ask(self, name: str, query: str, **more: Any) -> None:
        await self.send(id=name, type="subscribe", payload={"query": query, **more})

    async def told(self) -> Any:
        async with asyncio.timeout(20):
            return json.loads(await self.socket.recv())

    async def begin(self, **payload: Any) -> None:
        await self.send(type="connection_init", payload=payload)
        assert await self.told() == {"type": "connection_ack"}

    async def closed(self) -> int:
        """The code with which the connection is closed, once everything was read."""
        with suppress(ConnectionClosed):
            while True:
                await self.told()
        return int(self.socket.close_code or 0)


@asynccontextmanager
async def talking(place: str, protocol: str = PROTOCOL, **headers: str) -> AsyncIterator[Talk]:
    async with connect(
        f"ws://{place}/graphql", subprotocols=[Subprotocol(protocol)], additional_headers=headers, proxy=None
    ) as socket:
        yield Talk(socket)


@pytest.fixture
async def place(fresh: World) -> AsyncIterator[str]:
    async with serving(fresh) as found:
        yield found


async def test_a_query_is_answered_and_complete(place: str) -> None:
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("1", "{ sources { source } }")
        answer = await talk.told()
        assert (answer["id"], answer["type"]) == ("1", "next")
        assert len(answer["payload"]["data"]["sources"]) == 3
        assert await talk.told() == {"id": "1", "type": "complete"}


async def test_an_operation_that_is_not_valid_is_an_error_and_the_connection_goes_on(place: str) -> None:
    async with talking(place) as talk:
        await talk.begin()
        for number, query in enumerate(
            ("{ nope }", "{", "query ($a: Int!) { contacts(first: $a) { nodes { id } } }")
        ):
            await talk.ask(str(number), query)
            answer = await talk.told()
            assert (answer["id"], answer["type"]) == (str(number), "error")
            assert answer["payload"][0]["extensions"]["code"]
        await talk.ask("last", "{ sources { source } }")
        assert (await talk.told())["type"] == "next"


async def test_events_and_other_operations_share_a_connection(fresh: World, place: str) -> None:
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("live", FOLLOW)
        await until(lambda: fresh.gateway.feed.followers("default") == 1)
        await talk.ask("write", CREATE)
        told = [await talk.told() for _ in range(3)]
        assert sorted((each["id"], each["type"]) for each in told) == [
            ("live", "next"),
            ("write", "complete"),
            ("write", "next"),
        ]
        event = next(each for each in told if each["id"] == "live")["payload"]["data"]["events"]
        assert event["node"] == {"type": "CONTACT_CREATED", "contact": {"displayName": "Ada"}}
        await talk.send(id="live", type="complete")
        await until(lambda: fresh.gateway.feed.followers("default") == 0)
        await talk.ask("live", "{ sources { source } }")  # the id is free again
        assert (await talk.told())["id"] == "live"


async def test_a_slow_operation_holds_no_other_one_up(fresh: World, place: str) -> None:
    gate = asyncio.Event()
    fresh.smartsender.switches.sleep = lambda _: gate.wait()
    fresh.smartsender.switches.fail("listChannels", latency=1.0)
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("slow", "{ channels { nodes { id } } }")
        await talk.ask("fast", "{ sources { source } }")
        assert (await talk.told())["id"] == "fast"
        gate.set()
        assert {(await talk.told())["id"] for _ in range(3)} == {"fast", "slow"}


async def test_a_ping_is_answered_before_and_after_the_beginning(place: str) -> None:
    async with talking(place) as talk:
        await talk.send(type="ping")
        assert await talk.told() == {"type": "pong"}
        await talk.begin()
        await talk.send(type="ping", payload={"at": 1})
        assert await talk.told() == {"type": "pong", "payload": {"at": 1}}
        await talk.send(type="pong")
        await talk.send(type="ping")
        assert await talk.told() == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", 4400), ("[]", 4400), ("{}", 4400), ('{"type": "other"}', 4400), (b"\x00", 4400), ('{"type": "ping", "payload": 1}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ sources { source } }"}}', 4401),
        ('{"type": "connection_init", "payload": []}', 4400),
    ],
)  # fmt: skip
async def test_what_is_no_message_closes_the_connection_with_its_code(
    place: str, message: str | bytes, code: int
) -> None:
    async with talking(place) as talk:
        await talk.socket.send(message)
        assert await talk.closed() == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "subscribe", "payload": {"query": "{ a }"}}, 4400),
        ({"type": "subscribe", "id": "", "payload": {"query": "{ a }"}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": "{ a }"}, 4400),
        ({"type": "subscribe", "id": "taken", "payload": {"query": "{ a }"}}, 4409),
    ],
)
async def test_what_does_not_fit_closes_it_too(
    fresh: World, place: str, message: dict[str, Any], code: int
) -> None:
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("taken", FOLLOW)
        await talk.send(**message)
        assert await talk.closed() == code
    await until(lambda: fresh.gateway.feed.followers("default") == 0)


async def test_another_protocol_is_not_spoken(place: str) -> None:
    async with talking(place, "graphql-ws") as talk:
        assert await talk.closed() == 4406


async def test_who_does_not_begin_is_left(new_world: Build) -> None:
    world = new_world(GATEWAY_HEAD_SECONDS="0.05")
    async with serving(world) as place, talking(place) as talk:
        assert await talk.closed() == 4408


async def test_a_message_that_is_too_large_ends_the_connection(new_world: Build) -> None:
    world = new_world(GATEWAY_BODY_BYTES="2000")
    async with serving(world) as place, talking(place) as talk:
        await talk.send(type="ping", payload={"a": "x" * 3_000})
        assert await talk.closed() == 1009


async def test_a_page_of_another_origin_opens_no_socket(place: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(place, Origin="https://evil.example.com"):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "payload", [{"x-api-key": "all"}, {"Authorization": "Bearer all"}, {"headers": {"X-Api-Key": "all"}}]
)
async def test_a_key_comes_with_the_beginning(new_world: Build, payload: dict[str, Any]) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place) as talk:
        await talk.begin(**payload)
        await talk.ask("1", "{ sources { source } }")
        assert (await talk.told())["type"] == "next"


async def test_a_key_comes_with_the_handshake(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place, **{"X-Api-Key": "all"}) as talk:
        await talk.begin()


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"x-api-key": "guessed"},
        {"authorization": "Bearer guessed"},
        {"x-api-key": 1},
        {"x-api-key": "é\n"},
    ],
)
async def test_without_a_good_key_nothing_begins(new_world: Build, payload: dict[str, Any]) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place) as talk:
        await talk.send(type="connection_init", payload=payload)
        assert await talk.closed() in {4403, 4400}
    await world.gateway.refusals.flush()


async def test_what_a_key_does_not_allow_is_refused(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place) as talk:
        await talk.begin(**{"x-api-key": "writer"})
        for number, query in enumerate((FOLLOW, "{ sources { source } }")):
            await talk.ask(str(number), query)
            answer = await talk.told()
            assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


async def test_a_key_that_is_withdrawn_ends_what_it_follows(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place) as talk:
        await talk.begin(**{"x-api-key": "all"})
        await talk.ask("live", FOLLOW)
        await until(lambda: world.gateway.feed.followers("default") == 1)
        kept = {
            digest: caller
            for digest, caller in world.gateway.config.keys.callers.items()
            if caller.name != "all"
        }
        world.gateway.authority.renew(replace(world.gateway.config.keys, callers=kept), None)
        await world.ask(CREATE, headers={"x-api-key": "writer"})
        answer = await talk.told()
        assert (answer["id"], answer["type"]) == ("live", "error")
        assert answer["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_operations_of_one_connection_are_bounded(new_world: Build) -> None:
    world = new_world(GATEWAY_SUBSCRIPTIONS="1000")
    async with serving(world) as place, talking(place) as talk:
        await talk.begin()
        for number in range(MOST + 1):
            await talk.ask(str(number), FOLLOW)
        answer = await talk.told()
        assert (answer["id"], answer["payload"][0]["extensions"]["code"]) == (str(MOST), "OVERLOADED")


async def test_a_write_goes_on_when_its_caller_hangs_up(fresh: World, place: str) -> None:
    gate = asyncio.Event()
    fresh.packagex.switches.sleep = lambda _: gate.wait()
    fresh.packagex.switches.fail("createPerson", latency=1.0)
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("1", CREATE)
        await until(lambda: fresh.operations.get("createPerson"))
    gate.set()
    journal = fresh.gateway.journal
    async with asyncio.timeout(20):
        while not await journal.latest("default"):
            await give_way()


async def test_a_gateway_that_is_stopped_says_come_again(fresh: World, place: str) -> None:
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("live", FOLLOW)
        await until(lambda: fresh.gateway.feed.followers("default") == 1)
        fresh.gateway.feed.close()
        assert await talk.closed() == 1012


async def test_who_does_not_read_is_left_and_counted(new_world: Build) -> None:
    world = new_world(GATEWAY_ANSWER_SECONDS="0.2", GATEWAY_QUERY_BYTES="100000")
    large = (
        "{ __schema { types { name description fields { name description args { name description } } } } }"
    )
    async with serving(world) as place, talking(place) as talk:
        await talk.begin()
        talk.socket.transport.pause_reading()  # type: ignore[attr-defined]  # as a client that hangs
        for number in range(90):
            await talk.ask(str(number), large)
        met = 'gateway_limit_refusals_total{limit="answer_seconds"}'
        async with asyncio.timeout(20):
            while met not in (await world.client.get("/metrics")).text:
                await give_way()
        talk.socket.transport.resume_reading()  # type: ignore[attr-defined]
        assert await talk.closed() in {1006, 1013}


async def test_rights_that_change_end_what_is_followed(new_world: Build) -> None:
    world = new_world(GATEWAY_API_KEYS=KEYS)
    async with serving(world) as place, talking(place) as talk:
        await talk.begin(**{"x-api-key": "all"})
        await talk.ask("live", FOLLOW)
        await until(lambda: world.gateway.feed.followers("default") == 1)
        keys = world.gateway.config.keys
        less = {
            digest: replace(caller, sources=frozenset({Source.SAMESPACE})) if caller.name == "all" else caller
            for digest, caller in keys.callers.items()
        }
        world.gateway.authority.renew(replace(keys, callers=less), None)
        await world.ask(CREATE, headers={"x-api-key": "writer"})
        answer = await talk.told()
        assert (answer["id"], answer["type"]) == ("live", "error")
        assert answer["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("kind", [[], {}, 1, None])
async def test_a_type_that_is_no_text_closes_the_connection(place: str, kind: Any) -> None:
    async with talking(place) as talk:
        await talk.begin()
        await talk.send(type=kind)
        assert await talk.closed() == 4400


async def test_an_id_is_free_once_its_operation_is_not_wanted(fresh: World, place: str) -> None:
    gate = asyncio.Event()
    fresh.packagex.switches.sleep = lambda _: gate.wait()
    fresh.packagex.switches.fail("createPerson", latency=1.0)
    async with talking(place) as talk:
        await talk.begin()
        await talk.ask("1", CREATE)
        await until(lambda: fresh.operations.get("createPerson"))
        await talk.send(id="1", type="complete")
        await talk.ask("1", "{ sources { source } }")
        assert (await talk.told())["payload"]["data"].keys() == {"sources"}
        assert await talk.told() == {"id": "1", "type": "complete"}
        gate.set()  # of the write that was not wanted any more nothing is told
        await until(lambda: not fresh.gateway.admission.under_way)
        await talk.ask("2", "{ sources { source } }")
        assert (await talk.told())["id"] == "2"


class Wire:
    """A socket without a network: what it says is there at once; what it is told waits for `reads`."""

    def __init__(self, world: World, said: Iterator[dict[str, Any]], *, broken: bool = False) -> None:
        self._said = said
        self._broken = broken
        self._app = world.app
        self.taken = 0
        self.reads = asyncio.Event()

    async def receive(self) -> Any:
        self.taken += 1
        if self.taken == 1:
            return {"type": "websocket.connect"}
        message = next(self._said, None)
        if message is None:
            await asyncio.Event().wait()
        return {"type": "websocket.receive", "text": json.dumps(message)}

    async def send(self, message: Any) -> None:
        if message["type"] != "websocket.send" or "connection_ack" in message["text"]:
            return
        if self._broken:
            raise OSError
        await self.reads.wait()

    async def talk(self) -> None:
        """Until the connection ends."""
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "subprotocols": [PROTOCOL],
        }
        await self._app(scope, self.receive, self.send)


def subscribed(name: int, query: str) -> dict[str, Any]:
    return {"id": str(name), "type": "subscribe", "payload": {"query": query}}


async def test_who_does_not_read_cannot_pile_up_operations(new_world: Build) -> None:
    world = new_world(GATEWAY_SUBSCRIPTIONS="1000")
    begin = {"type": "connection_init"}
    wire = Wire(world, chain([begin], (subscribed(each, "{ sources { source } }") for each in count())))
    task = asyncio.create_task(wire.talk())
    await until(lambda: wire.taken > MOST)
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert wire.taken <= MOST + 3  # with those that connect and begin
    wire.reads.set()
    await until(lambda: wire.taken > 2 * MOST)
    task.cancel()
    await asyncio.wait((task,))


async def test_a_connection_that_has_failed_ends_although_messages_come(fresh: World) -> None:
    wire = Wire(fresh, chain([{"type": "connection_init"}], repeat({"type": "ping"})), broken=True)
    async with asyncio.timeout(20):
        await wire.talk()
    assert wire.taken < 10


async def test_the_end_of_the_grace_is_the_end_of_its_operations(fresh: World) -> None:
    fresh.packagex.switches.sleep = lambda _: asyncio.Event().wait()
    fresh.packagex.switches.fail("createPerson", latency=1.0)
    wire = Wire(fresh, iter([{"type": "connection_init"}, subscribed(1, CREATE)]))
    task = asyncio.create_task(wire.talk())
    await until(lambda: fresh.operations.get("createPerson"))
    task.cancel()  # it hangs up
    for _ in range(100):
        await asyncio.sleep(0)
    assert fresh.gateway.admission.under_way == 1
    task.cancel()  # and its time is over
    wire.reads.set()
    await until(lambda: fresh.gateway.admission.under_way == 0)  # although the source never answers

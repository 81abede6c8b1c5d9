"""What every entry of UPSTREAMS promises to the rest of the gateway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from itertools import repeat
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from gateway.errors import BadInput, CapabilityUnsupported, GatewayError
from gateway.model import ids
from gateway.model.contact import ContactKey
from gateway.model.source import Source
from gateway.ports import Upstream
from gateway.upstreams import UPSTREAMS
from gateway.upstreams.people import Population
from tests.support.jumping import jumping
from tests.support.sources import EMULATORS, HOST, KEY, Lone, lone, shown
from tests.support.world import InProcess

SOURCES = list(UPSTREAMS)
VENDOR_TEXT = "Ada Lovelace, ada@example.com"

Call = Callable[[Upstream, str], Awaitable[Any]]


def key(upstream: Upstream, identity: str) -> ContactKey:
    return ContactKey(upstream.source, "", identity)


# Methods of an upstream by the ability that they need; each is called with an id.
CALLS: dict[str, dict[str, Call]] = {
    "contacts": {"contacts": lambda u, _: u.contacts(0, 3)},
    "contacts in a module": {"contacts": lambda u, i: u.contacts(0, 3, module=i)},
    "search": {"contacts.search": lambda u, _: u.contacts(0, 3, search="ada")},
    "contacts by id": {"contact": lambda u, i: u.contacts_by_id([key(u, i)], brief=False)},
    "brief contacts by id": {"contact": lambda u, i: u.contacts_by_id([key(u, i)], brief=True)},
    "groups": {"groups": lambda u, _: u.groups(0, 3)},
    "search for groups": {"groups": lambda u, _: u.groups(0, 3, search="ada")},
    "groups by id": {"group": lambda u, i: u.groups_by_id([i])},
    "groups of a contact": {"Contact.groups": lambda u, i: u.groups_of(key(u, i), 0, 3)},
    "modules": {"modules": lambda u, _: u.modules()},
    "module by name": {"modules": lambda u, _: u.module_id("Unicorns")},
    "properties": {"properties": lambda u, _: u.properties(None, 0, 3)},
    "properties of a module": {"properties": lambda u, i: u.properties(i, 0, 3)},
    "channels": {"channels": lambda u, _: u.channels(0, 3)},
    "channels by id": {"channels": lambda u, i: u.channels_by_id([i])},
    "chats": {"chat": lambda u, i: u.chats_of([key(u, i)])},
    "communications": {"Contact.communications": lambda u, i: u.communications_of(key(u, i), 0, 3)},
    "messages": {"Chat.messages": lambda u, i: u.messages_of(key(u, i), 0, 3)},
    "funnels": {"Contact.funnels": lambda u, i: u.funnels_of([key(u, i)])},
}
HARMLESS = "12345"


def works(source: Source, name: str, *, reads_by_id: bool) -> bool:
    """Whether a source itself can do this; where it cannot search or read by id the index answers."""
    (ability,) = CALLS[name]
    traits = UPSTREAMS[source].traits
    if ability == "contacts.search":
        return traits.searches
    return traits.can(ability) and (ability != "contact" or reads_by_id)


def supported() -> list[Any]:
    """Every call that has to work, for every source."""
    return [
        pytest.param(source, name, id=f"{source.value}-{name.replace(' ', '-')}")
        for source in SOURCES
        for name in CALLS
        if works(source, name, reads_by_id=small(source).upstream.reads_by_id)
    ]


async def call(source: Lone, name: str, identity: str = HARMLESS) -> Any:
    (work,) = CALLS[name].values()
    return await work(source.upstream, identity)


async def failure(work: Awaitable[Any]) -> GatewayError | None:
    """How a call fails: what it raises, or what it found in place of a value."""
    try:
        answer = await work
    except GatewayError as error:
        return error
    values = answer.values() if isinstance(answer, dict) else ()
    return next((each for each in values if isinstance(each, GatewayError)), None)


@cache
def village(source: Source) -> Any:
    """An emulator with few people, for tests that only read."""
    return EMULATORS[source](Population(20))


def small(source: Source) -> Lone:
    """A source over such an emulator, which works again and has forgotten what was before."""
    made = lone(source, village(source))
    made.switches.heal()
    made.forget()
    return made


async def module_of(source: Lone) -> str | None:
    """The id of the default module; modules are listed before anything else is read."""
    traits = source.upstream.traits
    found = await source.upstream.module_id(traits.default_module) if traits.has_modules else None
    source.forget()
    return found


@pytest.fixture(params=SOURCES, ids=lambda source: source.value)
def source(request: pytest.FixtureRequest) -> Lone:
    return lone(request.param)


# What a source says of itself.


def test_every_source_of_the_schema_has_an_entry() -> None:
    assert list(UPSTREAMS) == list(Source)


def test_a_source_is_what_its_entry_says(source: Lone) -> None:
    upstream: Upstream = source.upstream
    entry = UPSTREAMS[upstream.source]
    assert upstream.traits is entry.traits
    assert upstream.account == "default"
    assert (entry.traits.default_module is not None) is entry.traits.has_modules
    assert entry.traits.name


def test_settings_carry_the_name_of_their_source() -> None:
    for source, entry in UPSTREAMS.items():
        assert all(setting.name.startswith(f"{source.value}_") for setting in entry.settings)
        assert all(setting.meaning.endswith(".") for setting in entry.settings)
        settings = entry.read({each.name: each.read(each.default) for each in entry.settings})
        assert settings.enabled is False


def test_the_key_is_shown_nowhere() -> None:
    for source in SOURCES:
        made = lone(source)
        for thing in (made.upstream, made.client, made.client._wire, made.upstream.traits):
            assert KEY not in repr(thing)


@pytest.mark.parametrize("name", CALLS)
async def test_an_ability_that_a_source_lacks_is_refused_without_a_call(source: Lone, name: str) -> None:
    upstream: Upstream = source.upstream
    if works(upstream.source, name, reads_by_id=upstream.reads_by_id):
        assert not isinstance(await failure(call(source, name)), CapabilityUnsupported)
        return
    with pytest.raises(CapabilityUnsupported) as refused:
        await call(source, name)
    assert refused.value.source == upstream.source
    assert upstream.traits.name in refused.value.message
    assert source.sent == []


def test_searching_is_an_ability_of_those_who_search(source: Lone) -> None:
    traits = source.upstream.traits
    assert not traits.searches or traits.can("contacts.search")
    assert traits.can("modules") is traits.has_modules


# Lists.


async def everybody(source: Lone) -> list[Any]:
    found: list[Any] = []
    more = True
    while more:
        page = await source.upstream.contacts(len(found), source.upstream.traits.page_ceiling)
        found += page.items
        more = page.more
    source.forget()
    return found


async def test_a_list_ends_and_holds_everybody_once(source: Lone) -> None:
    whole = await everybody(source)
    assert len(whole) > 100
    assert len({each["id"] for each in whole}) == len({each["_key"] for each in whole}) == len(whole)


async def test_stretches_are_parts_of_the_list_and_never_end_too_early(source: Lone) -> None:
    whole = [each["id"] for each in await everybody(source)]
    for offset in (0, 1, 13, 50, len(whole) - 3, len(whole) + 3):
        for count in (1, 9, 20, 60, 100):
            found = await source.upstream.contacts(offset, count)
            assert [each["id"] for each in found.items] == whole[offset : offset + count]
            assert found.more or offset + count >= len(whole)
            assert found.total in (None, len(whole))


async def test_no_page_is_larger_than_the_source_allows(source: Lone) -> None:
    for count in (1, 20, 50, 99, 100):
        await source.upstream.contacts(7, count)
    ceiling = source.upstream.traits.page_ceiling
    sizes = [size for sent in source.sent for size in page_sizes(sent.query) + page_sizes(sent.body)]
    assert len(sizes) >= 5
    assert all(1 <= size <= ceiling for size in sizes)


def page_sizes(part: Any) -> list[int]:
    """The sizes of pages that a part of a request asks for."""
    if not isinstance(part, dict):
        return []
    found = [int(value) for name, value in part.items() if name in {"limit", "limitation"}]
    return found + [size for value in part.values() for size in page_sizes(value)]


async def test_contacts_carry_what_the_core_reads(source: Lone) -> None:
    for contact in await everybody(source):
        assert contact["__typename"] == "Contact"
        assert contact["source"] == source.upstream.source
        assert contact["_key"].id == contact["sourceId"]
        assert ids.decode(contact["id"]).parts == (contact["_key"].module, contact["sourceId"])
        assert contact["_properties"] is not None
        assert contact["createdAt"].endswith("Z")
        assert (contact["updatedAt"] is not None) is source.upstream.traits.tells_updates
        assert contact["email"] in (None, *contact["emails"][:1])
        assert contact["phone"] in (None, *contact["phones"][:1])


async def test_a_stored_record_means_the_same_contact(source: Lone) -> None:
    for contact in (await source.upstream.contacts(0, 20)).items:
        again = source.upstream.contact_of(contact["_raw"], contact["asOf"], contact["_key"].module)
        assert again == contact


@pytest.mark.parametrize("name", SOURCES)
async def test_the_same_record_has_another_id_in_another_account(name: Source) -> None:
    emulator = EMULATORS[name](Population(20))
    one = (await lone(name, emulator).upstream.contacts(0, 5)).items
    other = (await lone(name, emulator, account="north").upstream.contacts(0, 5)).items
    assert [each["sourceId"] for each in one] == [each["sourceId"] for each in other]
    assert not {each["id"] for each in one} & {each["id"] for each in other}
    assert {ids.decode(each["id"]).account for each in other} == {"north"}


# What is sent.

HOSTILE = [
    "../groups",
    "../../x",
    "1/fire",
    "1?admin=true",
    "1#x",
    "1;x=1",
    "1&type=group",
    "%2e%2e",
    "%2e%2e%2f",
    "%00",
    "1\r\nx-evil: 1",
    "1\nx",
    "1\0",
    " ",
    "//example.com/",
    "http://example.com/",
    "\\..\\x",
    '") { __typename } #',
    '{"$ne": null}',
    "é漢字😀\u202e\u2028",
    "a" * 10_000,
]
STEPS = ["", ".", ".."]


def shape(request: httpx.Request, identity: str) -> tuple[Any, ...]:
    """All of a request that an id must not be able to change; the id itself is left out."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    segments = tuple("{id}" if unquote(each) == identity else each for each in path.split("/"))
    names = tuple(part.partition("=")[0] for part in query.split("&"))
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    target = (request.url.scheme, request.url.host, request.url.port)
    return (request.method, target, segments, names, tuple(sorted(headers.items())), path.isprintable())


async def shapes(name: str, source: Source, identity: str) -> set[tuple[Any, ...]]:
    made = small(source)
    await asyncio.gather(call(made, name, identity), return_exceptions=True)
    return {shape(request, identity) for request in made.transport.requests}


@pytest.mark.parametrize(("source", "name"), supported())
@pytest.mark.parametrize("identity", HOSTILE, ids=lambda identity: ascii(identity[:20]))
async def test_no_id_changes_path_query_or_headers_of_a_request(
    source: Source, name: str, identity: str
) -> None:
    assert await shapes(name, source, identity) == await shapes(name, source, HARMLESS)


@pytest.mark.parametrize(("source", "name"), supported())
@pytest.mark.parametrize("identity", STEPS)
async def test_an_id_that_is_a_step_to_another_path_is_not_sent_in_a_path(
    source: Source, name: str, identity: str
) -> None:
    made = small(source)
    await asyncio.gather(call(made, name, identity), return_exceptions=True)
    constant = {each for each in await shapes(name, source, HARMLESS) if "{id}" not in each[2]}
    assert {shape(request, HARMLESS) for request in made.transport.requests} <= constant


@pytest.mark.parametrize("term", [term for term in HOSTILE if term.strip() and len(term) < 1_000])
async def test_no_search_text_becomes_another_parameter(source: Lone, term: str) -> None:
    if not source.upstream.traits.searches:
        return
    await asyncio.gather(source.upstream.contacts(0, 3, search=term), return_exceptions=True)
    await source.upstream.contacts(0, 3, search="ada")
    *odd, plain = source.sent
    for sent in odd:
        assert (sent.method, sent.path, sent.headers) == (plain.method, plain.path, plain.headers)
        assert sent.query.keys() == plain.query.keys()
        assert {value for value in sent.query.values() if "ada" not in value} >= {
            value for value in plain.query.values() if value != "ada"
        }


@pytest.mark.parametrize("kind", ["contact", "group", "channel"])
@pytest.mark.parametrize("identity", [*HOSTILE, *STEPS], ids=lambda identity: ascii(identity[:20]))
def test_a_hostile_id_is_the_callers_mistake(source: Lone, kind: str, identity: str) -> None:
    with pytest.raises(BadInput) as refused:
        source.upstream.check_id(kind, identity)
    assert len(refused.value.message) < 200


async def test_every_id_that_a_source_gives_is_taken(source: Lone) -> None:
    for contact in await everybody(source):
        source.upstream.check_id("contact", contact["sourceId"])


@pytest.mark.parametrize(("source", "name"), supported())
async def test_requests_go_to_the_address_of_the_source_and_carry_its_key(source: Source, name: str) -> None:
    made = lone(source)
    await asyncio.gather(call(made, name), return_exceptions=True)
    headers = UPSTREAMS[source].headers(KEY)
    for request in made.transport.requests:
        assert str(request.url).startswith(f"{HOST}/")
        assert KEY not in str(request.url)
        assert {header: request.headers[header] for header in headers} == dict(headers)
        assert request.extensions["operation"]


@pytest.mark.parametrize(("source", "name"), supported())
async def test_reads_survive_a_connection_that_was_dead(source: Source, name: str) -> None:
    made = lone(source)
    identity = await module_of(made) or HARMLESS
    made.switches.fail(reset="headers", times=1)
    assert await failure(call(made, name, identity)) is None


# Faults.

BAD = "UPSTREAM_BAD_RESPONSE"
DOWN = "UPSTREAM_UNAVAILABLE"
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("401", {"status": 401}, "UPSTREAM_AUTH"),
    ("403", {"status": 403}, "UPSTREAM_AUTH"),
    ("429", {"status": 429}, "UPSTREAM_RATE_LIMITED"),
    ("422", {"status": 422, "body": "{}"}, BAD),
    *((str(status), {"status": status}, DOWN) for status in (500, 501, 502, 503, 504)),
    *(
        (str(status), {"status": status, "headers": {"location": "http://127.0.0.1:1/"}}, BAD)
        for status in (301, 302, 303, 307, 308)
    ),
    ("html", {"body": f"<html>{VENDOR_TEXT}", "content_type": "text/html"}, BAD),
    ("text", {"body": VENDOR_TEXT}, BAD),
    ("empty", {"body": ""}, BAD),
    ("cut short", {"body": '{"data": [{"name": "' + VENDOR_TEXT}, BAD),
    ("null", {"body": "null"}, BAD),
    ("number", {"body": "5"}, BAD),
    ("string", {"body": f'"{VENDOR_TEXT}"'}, BAD),
    ("list", {"body": f'["{VENDOR_TEXT}"]'}, BAD),
    ("object", {"body": "{}"}, BAD),
    ("deep", {"body": '{"data":' * 3_000 + "1" + "}" * 3_000}, BAD),
    ("reset", {"reset": "headers"}, DOWN),
    ("reset within the body", {"reset": "body"}, DOWN),
]


@pytest.mark.parametrize(("source", "name"), supported())
@pytest.mark.parametrize(("fault", "code"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS])
async def test_each_fault_is_an_error_of_the_source_with_its_code(
    source: Source, name: str, fault: dict[str, Any], code: str
) -> None:
    made = small(source)
    await module_of(made)
    fault = {"body": f'{{"message": "{VENDOR_TEXT} {KEY}"}}', **fault}
    made.switches.fail(**fault)
    error = await failure(call(made, name))
    assert error is not None
    assert (error.code, error.source) == (code, source)
    assert VENDOR_TEXT not in shown(error)
    assert KEY not in shown(error)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.LocalProtocolError])
@pytest.mark.parametrize(("source", "name"), supported())
async def test_a_network_that_fails_is_an_error_of_the_source(
    source: Source, name: str, kind: type[httpx.TransportError]
) -> None:
    made = small(source)
    await module_of(made)
    made.transport.down = kind
    error = await failure(call(made, name))
    assert error is not None
    assert error.code in {DOWN, "UPSTREAM_TIMEOUT"}
    assert error.source == source
    assert error.__cause__ is None


class Hanging(InProcess):
    """Takes requests and never answers."""

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


class Endless(httpx.AsyncByteStream):
    """A body without an end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in repeat(b" " * 1_000_000):
            yield piece


class Flooding(InProcess):
    """Answers with more than anybody can take."""

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Endless())


@pytest.mark.parametrize(
    ("way", "code"), [(Hanging, "UPSTREAM_TIMEOUT"), (Flooding, "UPSTREAM_BAD_RESPONSE")]
)
@pytest.mark.parametrize(("source", "name"), supported())
@jumping
async def test_a_source_that_hangs_or_floods_is_left(
    source: Source, name: str, way: type[InProcess], code: str
) -> None:
    made = small(source)
    await module_of(made)
    made.client._wire.transport._inner = way(None)
    error = await failure(call(made, name))
    assert error is not None
    assert (error.code, error.source) == (code, source)


@pytest.mark.parametrize("name", SOURCES)
@jumping
async def test_a_call_gets_the_seconds_that_are_set(name: Source) -> None:
    made = lone(name, village(name), seconds=3.5)
    made.client._wire.transport._inner = Hanging(None)
    await failure(made.upstream.contacts(0, 3))
    assert asyncio.get_running_loop().time() == pytest.approx(3.5)


async def test_closing_a_source_closes_its_connections(source: Lone) -> None:
    closed: list[bool] = []

    class Closing(InProcess):
        async def aclose(self) -> None:
            closed.append(True)

    source.client._wire.transport._inner = Closing(None)
    await source.upstream.aclose()
    assert closed == [True]

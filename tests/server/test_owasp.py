"""The GraphQL cheat sheet of OWASP, item by item: one test named after each.

cheatsheetseries.owasp.org/cheatsheets/GraphQL_Cheat_Sheet.html; what an item needs beyond that stands in the
files that its test names.
"""

import asyncio
from typing import Any

import pytest

from gateway.config import BadSetting
from gateway.model.source import Source
from tests.conftest import Build
from tests.support.houses import entry
from tests.support.waiting import until
from tests.support.world import World

FULL, READER, WRITER, LIMITED, OTHER = "key-full", "key-reader", "key-writer", "key-limited", "key-other"


KEYS = ";".join(
    (
        entry("full", "read,write,import,raw,admin", key=FULL),
        entry("reader", "read", key=READER),
        entry("writer", "write", key=WRITER),
        entry("limited", "read,write:default:PACKAGEX", key=LIMITED),
        entry("other", "read,write:other", key=OTHER),
    )
)
INJECTIONS = (
    "' OR '1'='1",
    '"; DROP TABLE contacts; --',
    '" OR name:*',
    "NEAR(a b)",
    "a* AND b",
    "%' --",
    "../groups",
    "1?admin=true",
    "1/fire#",
    "{{7*7}}",
    "${jndi:ldap://192.0.2.1/a}",
    "$(id)",
    "\x00",
    "a\r\nX-Injected: 1",
    '"}) { id } evil: contacts(first: 1) { id',
    '{"$gt": ""}',
    "<script>alert(1)</script>",
    "٪",
)
LIST = "query ($n: Int) { contacts(first: $n, sources: [PACKAGEX]) { nodes { id } } }"
CHANGE = (
    'mutation ($id: ID!) { updateContact(input: {id: $id, contact: {lastName: "X"}}) '
    "{ outcome { status code } userErrors { code } } }"
)


@pytest.fixture
def keyed(new_world: Build) -> World:
    """A world that wants keys."""
    return new_world(GATEWAY_API_KEYS=KEYS)


def as_(key: str) -> dict[str, str]:
    return {"x-api-key": key}


async def a_contact(world: World, source: Source = Source.PACKAGEX) -> str:
    query = "query ($of: [Source!]) { contacts(first: 1, sources: $of) { nodes { id } } }"
    data = await world.data(query, {"of": [source.value]}, headers=as_(FULL))
    world.forget()
    return str(data["contacts"]["nodes"][0]["id"])


# ---- common attacks


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
async def test_common_attacks_injection(world: World, text: str) -> None:
    """A text is a text, wherever it goes: to the index, into a path, into a document for Samespace."""
    query = """query ($t: String!, $id: ID!) {
      search: contacts(first: 5, search: $t) { nodes { id } sources { status code } }
      filter: contacts(first: 5, filter: { name: $t }) { nodes { id } }
      groups(first: 5, search: $t) { nodes { id } }
      node(id: $id) { id }
      contact(by: { sourceId: { source: PACKAGEX, sourceId: $id } }) { id }
    }"""
    answer = await world.ask(query, {"t": text, "id": text})
    assert answer.status == 200
    assert set(answer.codes) <= {"BAD_USER_INPUT", "CAPABILITY_UNSUPPORTED"}
    assert (answer.data or {}).get("filter") in (None, {"nodes": []})
    assert (answer.data or {}).get("contact") is None
    sent = [request for transport in world.transports.values() for request in transport.requests]
    assert all("x-injected" not in request.headers for request in sent)
    assert all(request.url.path.count("/") <= 3 and ".." not in request.url.path for request in sent)


@pytest.mark.parametrize(
    "query",
    [
        "{ groups(first: 100) { nodes { members(first: 100) { nodes { groups { nodes { id } } } } } } }",
        "{ " + " ".join(f"a{n}: contacts(first: 100) {{ nodes {{ id }} }}" for n in range(60)) + " }",
        "{ contacts { nodes { " + " ".join(f"a{n}: chat {{ id }}" for n in range(99)) + " chat { id } } } }"
        .replace("contacts", "contacts(first: 100)"),
        "{ groups(first: 100) { nodes { members(first: 100) { nodes { "
        + " ".join(f"a{n}: email" for n in range(60)) + " } } } } }",
    ],
)  # fmt: skip
async def test_common_attacks_dos(fresh: World, query: str) -> None:
    """See also test_protocol.py, engine/test_every_limit.py, and benchmarks/hostile.py for what it costs."""
    answer = await fresh.ask(query)
    assert answer.codes == ["QUERY_TOO_COMPLEX"]
    assert fresh.calls == {}


async def test_common_attacks_abuse_of_broken_authorization(keyed: World) -> None:
    """IDOR and BOLA: an id is of use only to a key that covers its source and account. See test_auth.py."""
    theirs = await a_contact(keyed, Source.SAMESPACE)
    reads = ("node(id: $id)", "contact(by: { id: $id })")
    for key, code in ((LIMITED, "FORBIDDEN"), (OTHER, "BAD_USER_INPUT")):
        for field in reads:
            query = f"query ($id: ID!) {{ it: {field} {{ id }} }}"
            answer = await keyed.ask(query, {"id": theirs}, headers=as_(key))
            assert (answer.data, answer.codes) == ({"it": None}, [code])
    assert keyed.calls == {}


async def test_common_attacks_batching_attacks(keyed: World) -> None:
    """Neither many operations in a request, nor many fields in an operation, pass what is allowed for one."""
    batch = await keyed.client.post("/graphql", json=[{"query": "{ __typename }"}] * 2, headers=as_(FULL))
    assert batch.status_code == 400
    guesses = " ".join(
        f'a{n}: deleteGroup(input: {{ id: "{n}" }}) {{ userErrors {{ code }} }}' for n in range(51)
    )
    answer = await keyed.ask(f"mutation {{ {guesses} }}", headers=as_(FULL))
    assert [error["extensions"]["exceeded"] for error in answer.errors] == ["root_fields"]
    assert keyed.calls == {}


async def test_common_attacks_abuse_of_insecure_default_configurations(new_world: Build) -> None:
    """As shipped it listens on loopback only while there are no keys; nothing is shown in production."""
    with pytest.raises(BadSetting, match="GATEWAY_HOST"):
        new_world(GATEWAY_HOST="0.0.0.0")
    with pytest.raises(BadSetting, match="GATEWAY_API_KEYS"):
        new_world(GATEWAY_PRODUCTION="true")
    world = new_world()
    refused = await world.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"host": "contacts.example.com"}
    )
    assert refused.status_code == 403


# ---- best practices: input validation


async def test_input_validation_general_practices(fresh: World) -> None:
    """Types, enumerations and lists of what is allowed; scalars of our own refuse what they are not."""
    for arguments in (
        'first: "1"', "first: 1.0", "first: 0", "first: 101", "sources: [NOWHERE]", 'after: "x"',
        'filter: { createdAfter: "yesterday" }', 'filter: { email: "" }', "filter: { nothing: 1 }",
    ):  # fmt: skip
        answer = await fresh.ask(f"{{ contacts({arguments}) {{ nodes {{ id }} }} }}")
        assert answer.codes, arguments
        assert set(answer.codes) <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "CURSOR_INVALID"}
    assert fresh.calls == {}


@pytest.mark.parametrize("source", Source, ids=str)
async def test_input_validation_injection_prevention(world: World, source: Source) -> None:
    """What is written is read back as it was sent: nothing in it is a command to anyone."""
    if source is Source.SMART_SENDER:  # it takes no new contacts
        (contact,) = await world.some(source)
        written = await world.write(
            "updateContact", {"id": contact["id"], "contact": {"lastName": "O'Brien; --"}}
        )
        assert written["outcome"]["status"] == "APPLIED"
        return
    name = 'Robert"); DROP TABLE contacts;-- {{7*7}} ${x} <b>'
    given = {"targets": [{"source": source.value}], "contact": {"firstName": "Bob", "lastName": name}}
    written = await world.write("createContact", given, "contacts { displayName }")
    assert [each["status"] for each in written["outcomes"]] == ["APPLIED"]
    assert written["contacts"] == [{"displayName": f"Bob {name}"}]


async def test_input_validation_process_validation(fresh: World) -> None:
    """What is wrong is told without being carried out, and nothing that was sent is run or shown."""
    answer = await fresh.ask(
        'mutation { updateContact(input: {id: "<b>", contact: {email: "<b>"}}) { userErrors { code } } }'
    )
    assert answer.data["updateContact"]["userErrors"]
    assert answer.headers["content-type"].startswith("application/json")
    assert fresh.calls == {}


# ---- best practices: prevention of DoS


async def test_dos_prevention_query_limiting_depth_and_amount(fresh: World) -> None:
    """See engine/test_every_limit.py."""
    deep = (
        "{ contacts { nodes " + "{ groups { nodes { members { nodes " * 6 + "{ id }" + " } } } }" * 6 + " } }"
    )
    many = "{ contacts { nodes { " + "id email " * 600 + " } } }"
    for query, exceeded in ((deep, "depth"), (many, "fields")):
        [error] = (await fresh.ask(query)).errors
        assert error["extensions"]["exceeded"] == exceeded
    assert fresh.calls == {}


@pytest.mark.parametrize("size", ["101", "2147483647", "-1", "0"])
async def test_dos_prevention_pagination(fresh: World, size: str) -> None:
    fields = ("contacts", "groups", "channels", "events", "properties(source: SAMESPACE)")
    for field in fields:
        name, _, more = field.rstrip(")").partition("(")
        joined = f"{more}, first: {size}" if more else f"first: {size}"
        answer = await fresh.ask(f"{{ {name}({joined}) {{ nodes {{ id }} }} }}")
        assert answer.codes == ["BAD_USER_INPUT"]
    assert fresh.calls == {}


async def test_dos_prevention_timeouts(new_world: Build) -> None:
    """A source that never answers holds nobody longer than the deadline, the caller's or ours."""
    world = new_world(GATEWAY_DEADLINE_SECONDS="30")
    for board in world.boards.values():
        board.fail("*", latency=3_600)
    answer = await world.ask(LIST, {"n": 1}, headers={"x-deadline-ms": "50"})
    assert answer.codes
    assert set(answer.codes) <= {"UPSTREAM_TIMEOUT", "DEADLINE_EXCEEDED"}


async def test_dos_prevention_query_cost_analysis(new_world: Build) -> None:
    """What an operation costs is known, told, and limited before it runs."""
    world = new_world(GATEWAY_QUERY_POINTS="50")
    fine = await world.ask(LIST, {"n": 20})
    assert (
        fine.body["extensions"]["cost"]["expected"]["points"] >= fine.body["extensions"]["cost"]["points"] > 0
    )
    world.forget()
    [error] = (await world.ask(LIST, {"n": 100})).errors
    assert (error["extensions"]["exceeded"], error["extensions"]["cost"]) == ("points", 101)
    assert world.calls == {}


@pytest.mark.parametrize("setting", ["REQUESTS", "POINTS", "CALLS"])
async def test_dos_prevention_rate_limiting(new_world: Build, setting: str) -> None:
    """One caller gets so much, whatever others do. See test_fairness.py."""
    most = {"REQUESTS": "2/3600", "POINTS": "42/3600", "CALLS": "1/3600"}[setting]
    world = new_world(GATEWAY_API_KEYS=KEYS, **{f"GATEWAY_CALLER_{setting}": most})
    found = [await world.ask(LIST, {"n": 20}, headers=as_(FULL)) for _ in range(4)]
    assert found[0].status == 200
    assert (found[-1].status, found[-1].codes) == (429, ["RATE_LIMITED"])
    assert int(found[-1].headers["retry-after"]) >= 1
    assert (await world.ask(LIST, {"n": 20}, headers=as_(READER))).status == 200


async def test_dos_prevention_server_side_batching_and_caching(new_world: Build) -> None:
    """The same thing asked for many times, in one operation or in many, is one call."""
    world = new_world(GATEWAY_CACHE_LIST_SECONDS="60")
    fields = " ".join(
        f"a{n}: contacts(first: 5, sources: [PACKAGEX]) {{ nodes {{ id }} }}" for n in range(20)
    )
    answers = await asyncio.gather(*(world.ask(f"{{ {fields} }}") for _ in range(5)))
    assert [answer.errors for answer in answers] == [[]] * 5
    assert world.calls == {"PACKAGEX": 1}


async def test_dos_prevention_system_resource_management(new_world: Build) -> None:
    """More than may wait is refused at once, with the time to come back. See test_admission.py."""
    world = new_world(GATEWAY_CONCURRENCY="1")
    admission = world.gateway.admission
    assert admission.enter("somebody")
    waiting = asyncio.create_task(world.ask("{ __typename }"))
    await until(lambda: len(admission.line))
    answer = await world.ask("{ __typename }")
    admission.leave("somebody")
    assert (await waiting).status == 200
    assert (answer.status, answer.codes) == (503, ["OVERLOADED"])
    assert int(answer.headers["retry-after"]) >= 1
    assert (await world.ask("{ __typename }")).status == 200


# ---- best practices: access control


async def test_access_control_general_data_access(keyed: World) -> None:
    """Nothing is told to nobody, at any entry; keys of sources are told to nobody at all."""
    for method, path in (
        ("POST", "/graphql"),
        ("GET", "/graphql"),
        ("GET", "/schema.graphql"),
        ("GET", "/metrics"),
    ):
        answer = await keyed.client.request(method, path, params={"query": "{ __typename }"})
        assert answer.status_code == 401
        assert "data" not in answer.json()
    everything = await keyed.ask(
        "{ sources { name status } contacts(first: 9) { nodes { raw } } }", headers=as_(FULL)
    )
    assert "sandbox-key" not in str(everything.body) + str(everything.headers)


async def test_access_control_query_access(keyed: World) -> None:
    """A field is for keys with its scope, also below a field that is for others, and through a fragment."""
    raw = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id ...f } } } fragment f on Contact { raw }"
    answer = await keyed.ask(raw, headers=as_(READER))
    assert [node["raw"] for node in answer.data["contacts"]["nodes"]] == [None]
    assert "FORBIDDEN" in answer.codes
    for query in ("{ contacts { nodes { id } } }", "{ __schema { types { name } } }", "{ sources { name } }"):
        refused = await keyed.ask(query, headers=as_(WRITER))
        assert (refused.status, refused.codes) == (403, ["FORBIDDEN"])


async def test_access_control_mutation_access(keyed: World) -> None:
    """A mutation needs its own scope, and the source of what it changes; what it answers needs `read`."""
    theirs = await a_contact(keyed, Source.SAMESPACE)
    refused = await keyed.ask(CHANGE, {"id": theirs}, headers=as_(READER))
    assert (refused.status, refused.codes) == (403, ["FORBIDDEN"])
    for key in (LIMITED, OTHER):
        answer = await keyed.ask(CHANGE, {"id": theirs}, headers=as_(key))
        changed: dict[str, Any] = answer.data["updateContact"]
        assert changed["outcome"] is None or changed["outcome"]["status"] in {"UNSUPPORTED", "REJECTED"}
    assert keyed.calls == {}
    mine = await a_contact(keyed)
    shown = CHANGE.replace("outcome {", "contact { displayName } outcome {")
    answer = await keyed.ask(shown, {"id": mine}, headers=as_(WRITER))
    assert answer.data["updateContact"]["contact"] is None


# ---- best practices: batching, configuration


async def test_mitigating_batching_attacks(new_world: Build) -> None:
    """Each object that an operation asks for counts, however they are put together."""
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_CALLER_POINTS="30/3600")
    fields = " ".join(f'a{n}: contact(by: {{ id: "{n}" }}) {{ id }}' for n in range(31))
    answer = await world.ask(f"{{ {fields} }}", headers=as_(FULL))
    assert (answer.status, answer.codes) == (429, ["RATE_LIMITED"])
    assert world.calls == {}


async def test_secure_configurations_introspection_and_graphiql(new_world: Build) -> None:
    """See test_web.py and test_probes_of_scanners.py."""
    world = new_world(GATEWAY_API_KEYS=KEYS, GATEWAY_PRODUCTION="true")
    assert (await world.ask("{ __schema { types { name } } }", headers=as_(FULL))).data is None
    page = await world.client.get("/graphql", headers={**as_(FULL), "accept": "text/html"})
    assert (page.status_code, "<html" in page.text) == (406, False)


async def test_secure_configurations_no_excessive_errors(keyed: World) -> None:
    """Faults of ours and texts of vendors stay inside; a caller gets a code, and an id to tell."""
    secret = "password=hunter2 at /srv/app/db.py line 7"
    for board in keyed.boards.values():
        board.fail("*", status=500, body=secret, content_type="text/plain")
    answer = await keyed.ask(LIST, {"n": 1}, headers=as_(FULL))
    assert answer.codes == ["UPSTREAM_UNAVAILABLE"]
    for word in ("hunter2", "Traceback", ".py", "127.0.0.1:1", "sandbox-key"):
        assert word not in str(answer.body)
    assert answer.errors[0]["extensions"]["requestId"] == answer.headers["x-request-id"]

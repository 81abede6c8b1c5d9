"""A real router before a real sandbox and subgraphs of others: contacts beside what others know of them."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import federated_sdl
from gateway.model.source import Source
from tests.support.houses import entry
from tests.support.node import Node, packages
from tests.support.process import PATIENCE, Running, running

HERE = Path(__file__).parent
PEOPLE = 3  # of each source
ALL = "all-of-it"
ONE = "only-packagex"
KEYS = f"{entry(ALL, 'read')};{entry(ONE, 'read:default:PACKAGEX')}"
SETTINGS = {
    "GATEWAY_API_KEYS": KEYS,
    # What a source does is seen at once.
    "GATEWAY_CACHE_CONTACT_SECONDS": "0",
    "GATEWAY_CACHE_LIST_SECONDS": "0",
    "GATEWAY_STALE_IF_ERROR_SECONDS": "0",
}
CONTACTS = (
    "{ "
    + " ".join(
        f"{source.value}: contacts(first: {PEOPLE}, sources: [{source.value}]) "
        "{ nodes { id source sourceId displayName } }"
        for source in Source
    )
    + " }"
)


def other(name: str) -> dict[str, str]:
    return {"name": name, "url": "http://127.0.0.1:1", "sdl": (HERE / f"{name}.graphql").read_text()}


@pytest.fixture(scope="module")
def node() -> Node:
    return packages(HERE)


@pytest.fixture(scope="module")
def composed(node: Node) -> list[Any]:
    """What composition says of our schema alone, beside one and two others, and one with fields of ours."""
    ours = {"name": "contacts", "url": "http://127.0.0.1:2", "sdl": federated_sdl()}
    lists = (
        [ours],
        [ours, other("reviews")],
        [ours, other("reviews"), other("deals")],
        [ours, other("nodes")],
    )
    done = subprocess.run(
        [node.command, "compose.mjs"],
        cwd=HERE,
        input=json.dumps(lists),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout)
    assert len(found) == len(lists)
    return found


def test_the_schema_composes_alone_and_beside_others(composed: list[Any]) -> None:
    for told in composed[:3]:
        assert told["errors"] == []
        # It is there for @access alone, which a router does not know.
        assert [(hint["code"], "Scope" in hint["message"]) for hint in told["hints"]] == [
            ("UNUSED_ENUM_TYPE", True)
        ]


def test_the_supergraph_keeps_what_routers_and_their_callers_can_use(composed: list[Any]) -> None:
    text = composed[2]["supergraph"]
    for key in ('CONTACTS, key: "id"', 'CONTACTS, key: "source sourceId"', 'REVIEWS, key: "id"'):
        assert f"@join__type(graph: {key}" in text
    assert '"""A contact as one source holds it, in the unified shape."""' in text
    assert '@specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc3339")' in text
    assert "@cost(weight: 10)" in text
    assert '@listSize(slicingArguments: ["first"], sizedFields: ["edges", "nodes"]' in text
    assert [f'@tag(name: "{tag}")' in text for tag in ("write", "import", "raw", "admin")] == [True] * 4
    assert not any(word in text for word in ("@access", "@upstream", "_entities", "_Any"))
    assert "@oneOf" not in text  # composition knows nothing of it: docs/federation.md says so


def test_another_subgraph_with_nodes_of_its_own_does_not_compose(composed: list[Any]) -> None:
    assert [each["code"] for each in composed[3]["errors"]] == ["INVALID_FIELD_SHARING"]
    assert "Query.node" in composed[3]["errors"][0]["message"]


def test_the_example_of_the_documentation_is_the_one_that_is_tried() -> None:
    assert (HERE / "deals.graphql").read_text() in (HERE.parent.parent / "docs" / "federation.md").read_text()


@dataclass
class Routed:
    """The router and the gateway behind it. `contacts` are those that others know of, by source."""

    router: httpx.Client
    gateway: httpx.Client
    emulators: dict[Source, str]
    contacts: dict[Source, list[dict[str, Any]]]

    def ask(self, query: str, key: str | None = ALL) -> Any:
        headers = {} if key is None else {"x-api-key": key}
        return self.router.post("/", json={"query": query}, headers=headers).json()

    def data(self, query: str) -> Any:
        answer = self.ask(query)
        assert "errors" not in answer, answer
        return answer["data"]

    @contextmanager
    def failing(self, source: Source, operation: str) -> Iterator[None]:
        """Let an operation of a source fail for a while."""
        faults = f"{self.emulators[source]}/_emulator/faults"
        self.gateway.put(f"{faults}/{operation}", json={"status": 500}).raise_for_status()
        yield
        self.gateway.delete(faults).raise_for_status()

    def calls(self, source: Source) -> dict[str, int]:
        """Calls of each operation that a source has received since this was asked last."""
        place = f"{self.emulators[source]}/_emulator/calls"
        told: dict[str, int] = self.gateway.get(place).json()["operations"]
        self.gateway.delete(place).raise_for_status()
        return told


@pytest.fixture(scope="module")
def routed(node: Node) -> Iterator[Routed]:
    with running("sandbox", "--contacts", "20", settings=SETTINGS) as sandbox:
        emulators = {source: sandbox.line(rf"{source.value}_URL=(http://[^/\s]+)")[1] for source in Source}
        address = sandbox.line(r"The gateway answers on (http://\S+)")[1]
        with httpx.Client(base_url=address, headers={"x-api-key": ALL}) as gateway:
            listed = gateway.post("/graphql", json={"query": CONTACTS}).json()["data"]
            contacts = {source: listed[source.value]["nodes"] for source in Source}
            with routing(node, address, contacts) as found, httpx.Client(base_url=found) as router:
                yield Routed(router, gateway, emulators, contacts)


@contextmanager
def routing(node: Node, gateway: str, contacts: dict[Source, list[dict[str, Any]]]) -> Iterator[str]:
    """Run the router; its address."""
    listed = [each for held in zip(*contacts.values(), strict=True) for each in held]
    given = {
        "reviews": [each["id"] for each in listed],
        "deals": [{"source": each["source"], "sourceId": each["sourceId"]} for each in listed],
    }
    process = subprocess.Popen(
        [node.command, "router.mjs", gateway, ALL, json.dumps(given)],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NODE_ENV": "production"},
    )
    found = Running(process)
    try:
        yield found.line(r"The router answers on (http://\S+)")[1]
    finally:
        process.terminate()
        process.wait(PATIENCE)
        found.close()


def test_contacts_come_with_what_another_subgraph_knows_of_them(routed: Routed) -> None:
    data = routed.data("{ contacts(first: 6) { nodes { displayName reviews { text } } } }")
    nodes = data["contacts"]["nodes"]
    assert len(nodes) == 6
    assert {each["displayName"]: [review["text"] for review in each["reviews"]] for each in nodes} == {
        contact["displayName"]: [f"Review {place}"]
        for place, contact in enumerate(
            each for held in zip(*routed.contacts.values(), strict=True) for each in held
        )
        if place < 6
    }


def test_what_others_know_comes_with_contacts_which_are_asked_for_once_all_together(routed: Routed) -> None:
    for source in Source:
        routed.calls(source)
    data = routed.data(
        "{ reviews { nodes { text contact { id displayName source } } pageInfo { hasNextPage } } }"
    )
    told = [each["contact"] for each in data["reviews"]["nodes"]]
    assert sorted(told, key=lambda each: str(each["id"])) == sorted(
        (
            {name: each[name] for name in ("id", "displayName", "source")}
            for held in routed.contacts.values()
            for each in held
        ),
        key=lambda each: str(each["id"]),
    )
    assert routed.calls(Source.PACKAGEX) == {"getContact": PEOPLE}
    assert routed.calls(Source.SMART_SENDER) == {"getContactInfo": PEOPLE}
    assert sum(routed.calls(Source.SAMESPACE).values()) <= 1


def test_whoever_knows_only_the_ids_of_a_source_finds_its_contacts(routed: Routed) -> None:
    data = routed.data("{ deals { title buyer { displayName reviews { text } } } }")
    assert [each["buyer"]["reviews"] for each in data["deals"]] == [
        [{"text": f"Review {place}"}] for place in range(len(data["deals"]))
    ]
    assert len(data["deals"]) == PEOPLE * len(Source)


def test_a_source_that_fails_costs_its_own_contacts_and_its_error_comes_through(routed: Routed) -> None:
    with routed.failing(Source.PACKAGEX, "getContact"):
        answer = routed.ask("{ reviews { nodes { text contact { displayName } } } }")
    nodes = answer["data"]["reviews"]["nodes"]
    assert [each["text"] for each in nodes] == [f"Review {place}" for place in range(len(nodes))]
    nobody = [place for place, each in enumerate(nodes) if (each["contact"] or {}).get("displayName") is None]
    assert nobody == [1, 4, 7]  # PackageX is the second of three
    assert {each["extensions"]["code"] for each in answer["errors"]} == {"UPSTREAM_UNAVAILABLE"}
    assert {each["extensions"]["source"] for each in answer["errors"]} == {"PACKAGEX"}


def test_a_list_lacks_a_source_that_fails_and_its_error_comes_through(routed: Routed) -> None:
    with routed.failing(Source.PACKAGEX, "listContacts"):
        answer = routed.ask(
            "{ contacts(first: 6) { nodes { source reviews { id } } sources { source status } } }"
        )
    assert {each["source"] for each in answer["data"]["contacts"]["nodes"]} == {"SAMESPACE", "SMART_SENDER"}
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["UPSTREAM_UNAVAILABLE"]


def test_the_key_of_the_caller_decides_what_is_seen(routed: Routed) -> None:
    query = "{ reviews { nodes { text contact { displayName } } } }"
    answer = routed.ask(query, ONE)
    names = [(each["contact"] or {}).get("displayName") for each in answer["data"]["reviews"]["nodes"]]
    seen = [each["displayName"] for each in routed.contacts[Source.PACKAGEX]]
    assert [name for name in names if name] == seen
    assert {each["extensions"]["code"] for each in answer["errors"]} == {"FORBIDDEN"}
    nobody = routed.ask(query, None)
    assert {each["extensions"]["code"] for each in nobody["errors"]} == {"UNAUTHENTICATED"}
    assert not any(
        each["contact"] and each["contact"].get("displayName") for each in nobody["data"]["reviews"]["nodes"]
    )

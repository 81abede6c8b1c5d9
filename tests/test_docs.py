"""What the documentation promises holds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate

from docs import generate
from gateway.assistant import operations
from gateway.cli import parser
from gateway.config import all_settings
from gateway.errors import GatewayError
from tests.support.world import World, schema

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
MASKED = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "STALE", "INTERNAL"}


def kinds(of: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    return [kind for below in of.__subclasses__() for kind in (below, *kinds(below))]


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in all_settings() if f"`{name}`" not in text] == []


def test_generated_pages_are_not_stale() -> None:
    for name, text in generate.pages().items():
        assert (ROOT / "docs" / name).read_text() == text


def test_every_error_code_has_its_line_and_no_line_is_superfluous() -> None:
    from gateway.server import problems  # noqa: F401, PLC0415 - declares further kinds

    text = (ROOT / "docs" / "callers.md").read_text().partition("## When things fail")[2]
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert listed == {kind.code for kind in kinds()} | MASKED


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_what_shows_a_defence_is_there() -> None:
    shown = set(re.findall(r"`((?:tests|docs)/[^`]+)`", (ROOT / "SECURITY.md").read_text()))
    assert len(shown) > 15
    assert [path for path in sorted(shown) if not (ROOT / path).exists()] == []


# ---- assistants


def assistants(kind: str) -> list[str]:
    """The blocks of a kind in the page for assistants."""
    text = (ROOT / "docs" / "assistants.md").read_text()
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_configurations_for_assistants_are_taken() -> None:
    known = {name for each in all_settings().values() for name in (each.name, each.file)}
    started = 0
    for block in assistants("json"):
        (servers,) = json.loads(block).values()
        for server in servers.values():
            if "command" in server:
                started += 1
                assert server["env"].keys() <= known
                assert parser().parse_args(server["args"]).run is parser().parse_args(["mcp"]).run
    assert started == 2


def test_the_tools_for_assistants_are_listed_and_their_example_is_one(tmp_path: Path) -> None:
    table = (ROOT / "docs" / "assistants.md").read_text().partition("## Tools\n\n")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`([a-z_]+)`", table))
    assert listed == {*operations.read(operations.SHIPPED, schema()), *operations.TAKEN}
    (example,) = assistants("graphql")
    (tmp_path / "example.graphql").write_text(example)
    found = operations.read(tmp_path, schema())["rename_contact"]
    assert (found.title, found.idempotent, found.additive) == ("Rename a contact", True, False)
    assert found.preview is not None


async def test_the_examples_for_callers_run(world: World) -> None:
    text = (ROOT / "docs" / "callers.md").read_text()
    examples = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    page = await world.data("{ contacts(first: 3) { nodes { id email } } }")
    for node in page["contacts"]["nodes"]:
        for example in examples:
            named = {"id": node["id"], "email": node["email"]}
            variables = {name: value for name, value in named.items() if f"${name}" in example}
            if example.startswith("subscription"):  # followed where streams are
                assert validate(schema(), parse(example)) == []
                continue
            assert (await world.ask(example, variables)).errors == []


def shown(number: int) -> Any:
    """The answer with this number that the README shows."""
    return json.loads(re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[number])


def points(body: Any) -> Any:
    """What an operation cost, and what it was expected to."""
    return {name: body["extensions"]["cost"][name] for name in ("points", "expected")}


async def test_the_readme_shows_answers_as_they_are(fresh: World) -> None:
    queries = re.findall(r"-d '(\{\"query.*?\})'", (ROOT / "README.md").read_text())
    for number, query in enumerate(queries):
        answer = await fresh.ask(json.loads(query)["query"])
        expected = shown(number)
        assert answer.body["data"] == expected["data"]
        assert points(answer.body) == points(expected)
        if number == 0:  # which calls a write takes depends on what was read before
            assert answer.body["extensions"]["cost"] == expected["extensions"]["cost"]
            await fresh.scan()  # as the gateway does meanwhile
    assert len(queries) == 3


async def test_the_readme_shows_an_import_as_it_is(fresh: World) -> None:
    text = (ROOT / "README.md").read_text()
    people = re.search(r"people.csv <<'END'\n(.*?)END\n", text, re.DOTALL)
    operations = re.search(r"-F 'operations=(.*?)'", text)
    assert people is not None
    assert operations is not None
    asked = json.loads(operations[1])
    for number, dry_run in ((3, True), (4, False)):
        asked["variables"]["input"]["dryRun"] = dry_run
        answer = await fresh.upload(asked["query"], asked["variables"], people[1].encode())
        assert answer.body["data"] == shown(number)["data"]
        assert points(answer.body) == points(shown(number))

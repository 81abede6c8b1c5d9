"""What the documentation promises holds."""

import re
from pathlib import Path

import pytest

from docs import generate
from gateway.config import all_settings
from gateway.errors import GatewayError
from tests.support.world import World

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
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

    text = (ROOT / "docs" / "callers.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert listed == {kind.code for kind in kinds()} | MASKED


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


async def test_the_examples_for_callers_run(world: World) -> None:
    text = (ROOT / "docs" / "callers.md").read_text()
    examples = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    page = await world.data("{ contacts(first: 3) { nodes { id } } }")
    for node in page["contacts"]["nodes"]:
        for example in examples:
            variables = {"id": node["id"]} if "$id" in example else {}
            assert (await world.ask(example, variables)).errors == []


async def test_the_readme_shows_the_answer_as_it_is(world: World) -> None:
    import json  # noqa: PLC0415

    text = (ROOT / "README.md").read_text()
    query = json.loads(re.search(r"-d '(\{\"query.*?\})'", text)[1])["query"]  # type: ignore[index]
    shown = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])  # type: ignore[index]
    answer = await world.ask(query)
    shown["extensions"]["requestId"] = answer.body["extensions"]["requestId"]
    assert answer.body == shown

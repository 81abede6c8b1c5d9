"""Records that are not what was asked for: they cost nobody else anything, and are told to nobody."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from gateway.model.ids import GlobalId, decode
from gateway.model.source import Source
from tests.support.houses import House, Town, entry, environment, houses, town

CALLERS = ";".join((entry("ada", "read"), entry("amy", "read:default:SAMESPACE:Companies")))
BY_ID = "query ($id: ID!) { contact(by: { id: $id }) { id } }"
FIRST = "{ contacts(first: 2, sources: [SAMESPACE]) { nodes { id } } }"
COMPANIES = (
    '{ contacts(first: 3, sources: [SAMESPACE], filter: { module: { name: "Companies" } }) '
    "{ nodes { id } sources { source code } } }"
)
MODULES = "{ modules { name sourceId } }"

Change = Callable[[list[dict[str, Any]]], object]


def between(house: House, change: Change) -> None:
    """Change every list of records that Samespace answers with."""
    way = house.ways[Source.SAMESPACE]
    plain = way.handle_async_request

    async def handle(request: httpx.Request) -> httpx.Response:
        response = await plain(request)
        await response.aread()
        found = json.loads(response.content)
        for records in (found.get("data") or {}).values():
            if isinstance(records, list):
                change(records)
        return httpx.Response(response.status_code, json=found, request=request)

    way.handle_async_request = handle  # type: ignore[method-assign]


def in_module(module: str) -> Change:
    """Have all contacts say that they lie in this module."""
    return lambda found: [each.update(module=module) for each in found if "module" in each]


@pytest.fixture
async def made() -> AsyncIterator[Town]:
    (house,) = houses("home", people=20)
    house.emulators[Source.SAMESPACE].offers_filter = True
    found = town([house], environment(house, GATEWAY_API_KEYS=CALLERS))
    found.gateway.directories["default"].upstreams[Source.SAMESPACE].reads_by_id = True
    yield found
    await found.aclose()


async def module(made: Town, name: str) -> str:
    modules = (await made.data("ada", MODULES))["modules"]
    return next(str(each["sourceId"]) for each in modules if each["name"] == name)


async def first(made: Town) -> str:
    found: str = (await made.data("ada", FIRST))["contacts"]["nodes"][0]["id"]
    return found


@pytest.mark.parametrize("odd", [["x"], {"a": 1}, None])
async def test_a_record_with_an_odd_id_costs_no_other(made: Town, odd: Any) -> None:
    wanted = await first(made)
    between(made.houses[0], lambda found: found.append({"_id": odd, "properties": {}}))
    assert await made.data("ada", BY_ID, {"id": wanted}) == {"contact": {"id": wanted}}


async def test_what_is_read_by_id_has_that_id(made: Town) -> None:
    wanted, other = await first(made), await module(made, "Companies")
    between(made.houses[0], in_module(other))
    answer = await made.ask("ada", BY_ID, {"id": wanted})
    assert (answer.data["contact"], answer.codes) == (None, ["UPSTREAM_BAD_RESPONSE"])


async def test_a_key_for_one_module_is_told_no_record_that_names_another(made: Town) -> None:
    ours, other = await module(made, "Companies"), await module(made, "Contacts")
    page = (await made.data("amy", COMPANIES))["contacts"]
    assert {part(each["id"]) for each in page["nodes"]} == {ours}
    between(made.houses[0], in_module(other))
    answer = await made.ask("amy", COMPANIES, cache_control="no-cache")
    assert (answer.data["contacts"], answer.codes) == (None, ["UPSTREAM_BAD_RESPONSE"])


def part(text: str) -> str:
    found = decode(text)
    assert isinstance(found, GlobalId)
    return found.parts[0]


@pytest.mark.parametrize("before", [None, False, True])
@pytest.mark.parametrize("directive", ["include", "skip"])
async def test_null_for_a_condition_is_an_error_whatever_was_asked_before(
    made: Town, before: bool | None, directive: str
) -> None:
    query = (
        "query ($x: Boolean = true) { contacts(first: 1, sources: [PACKAGEX]) "
        f"{{ nodes {{ id displayName @{directive}(if: $x) }} }} }}"
    )
    for _ in range(3):
        await made.ask("ada", query, {"x": before})
    answer = await made.ask("ada", query, {"x": None})
    assert (answer.data["contacts"], answer.codes) == (None, ["BAD_USER_INPUT"])

"""What was written is in the log, in order, and can be read on from a cursor, also after a restart."""

import hashlib
from typing import Any

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World, build, close

EVENTS = "query ($first: Int, $after: String, $filter: EventFilter) { events(first: $first, after: $after, filter: $filter) { edges { cursor node { id type source contactId actor payload } } pageInfo { hasNextPage endCursor } } }"


async def some_writes(world: World) -> dict[str, Any]:
    (person,) = await world.some(Source.PACKAGEX)
    (client,) = await world.some(Source.SMART_SENDER)
    await world.write("updateContact", {"id": person["id"], "contact": {"lastName": "Byron"}})
    await world.write("triggerEvent", {"contact": client["id"], "name": "InvoicePaid"})
    await world.write("triggerEvent", {"contact": client["id"], "name": "nothing like it"})
    await world.write("createGroup", {"name": "Harbor"})
    await world.write("deleteContacts", {"ids": [person["id"]]})
    return {"person": person["id"], "client": client["id"]}


ORDER = ["CONTACT_UPDATED", "EVENT_TRIGGERED", "GROUP_CREATED", "CONTACT_DELETED"]


async def test_each_successful_write_is_noted_in_order_and_a_failed_one_is_not(world: World) -> None:
    ids = await some_writes(world)
    edges = (await world.data(EVENTS))["events"]["edges"]
    assert [edge["node"]["type"] for edge in edges] == ORDER
    first = edges[0]["node"]
    assert (first["source"], first["contactId"], first["actor"]) == ("PACKAGEX", ids["person"], "anyone")
    assert first["payload"] == {"applied": ["lastName"], "ignored": []}


async def test_any_page_size_walks_every_event_once(world: World) -> None:
    await some_writes(world)
    for size in (1, 3, 100):
        seen: list[str] = []
        after = None
        while True:
            page = (await world.data(EVENTS, {"first": size, "after": after}))["events"]
            seen += [edge["node"]["type"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert seen == ORDER


async def test_filters_narrow_and_an_event_is_read_by_its_id(world: World) -> None:
    ids = await some_writes(world)
    for given, types in (
        ({"types": ["GROUP_CREATED", "CONTACT_DELETED"]}, ORDER[2:]),
        ({"sources": ["SMART_SENDER"]}, ["EVENT_TRIGGERED"]),
        ({"contactId": ids["person"]}, ["CONTACT_UPDATED", "CONTACT_DELETED"]),
        ({"since": "2000-01-01T00:00:00Z"}, ORDER),
        ({"since": "2999-01-01T00:00:00Z"}, []),
    ):
        edges = (await world.data(EVENTS, {"filter": given}))["events"]["edges"]
        assert [edge["node"]["type"] for edge in edges] == types
    event = (await world.data(EVENTS))["events"]["edges"][1]["node"]
    node = "query ($id: ID!) { node(id: $id) { ... on Event { id type name contact { id } } } }"
    assert (await world.data(node, {"id": event["id"]}))["node"] == {
        "id": event["id"],
        "type": "EVENT_TRIGGERED",
        "name": "InvoicePaid",
        "contact": {"id": ids["client"]},
    }


async def test_a_contact_tells_what_has_happened_to_it(world: World) -> None:
    ids = await some_writes(world)
    query = "query ($id: ID!) { contact(by: {id: $id}) { events { nodes { type name } } } }"
    found = await world.data(query, {"id": ids["client"]})
    assert found["contact"]["events"]["nodes"] == [{"type": "EVENT_TRIGGERED", "name": "InvoicePaid"}]


async def test_cursors_survive_a_restart_and_read_on(new_world: Build, tmp_path: Any) -> None:
    first = build(GATEWAY_DATA_DIR=str(tmp_path))
    await some_writes(first)
    end = (await first.data(EVENTS))["events"]["pageInfo"]["endCursor"]
    await close(first)
    second = new_world(GATEWAY_DATA_DIR=str(tmp_path))
    assert (await second.data(EVENTS, {"after": end}))["events"]["edges"] == []
    await second.write("createGroup", {"name": "Later"})
    edges = (await second.data(EVENTS, {"after": end}))["events"]["edges"]
    assert [edge["node"]["type"] for edge in edges] == ["GROUP_CREATED"]


async def test_a_cursor_fits_its_own_filter_only(world: World) -> None:
    await some_writes(world)
    end = (await world.data(EVENTS))["events"]["pageInfo"]["endCursor"]
    for arguments in ({"after": end, "filter": {"sources": ["PACKAGEX"]}}, {"after": "x"}):
        assert (await world.ask(EVENTS, arguments)).codes == ["CURSOR_INVALID"]


async def test_events_of_other_accounts_and_sources_are_not_shown(new_world: Build) -> None:
    def key(name: str, rest: str) -> str:
        return f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{rest}"

    world = new_world(
        GATEWAY_API_KEYS=";".join(
            (
                key("ada", "read,write"),
                key("bob", "read:default:SMART_SENDER"),
                key("eve", "read:acme"),
            )
        )
    )
    world.headers["x-api-key"] = "ada"
    await world.scan()
    await some_writes(world)
    events = (await world.data(EVENTS))["events"]["edges"]
    assert len(events) == 4
    for name, types in (("bob", ["EVENT_TRIGGERED"]), ("eve", [])):
        world.headers["x-api-key"] = name
        edges = (await world.data(EVENTS))["events"]["edges"]
        assert [edge["node"]["type"] for edge in edges] == types
        node = await world.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": events[0]["node"]["id"]})
        assert node.data == {"node": None}

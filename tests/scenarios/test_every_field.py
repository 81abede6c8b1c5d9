"""Whatever field fails, everything beside it is there, and the failure is told once with its code."""

from typing import Any

import pytest

from gateway.model.source import Source
from tests.support.world import World

ALIVE = "alive: contacts(first: 6, sources: [%s]) { nodes { source displayName } sources { source status } }"
SENDER, PX, SPACE = Source.SMART_SENDER, Source.PACKAGEX, Source.SAMESPACE
OTHERS = {source: ", ".join(each.value for each in Source if each is not source) for source in Source}
TOP = "contacts(first: 2, sources: [%s]) { nodes { id displayName %s } }"

# Source, operation that fails, the field as it is asked for, and the path of what is null then.
FIELDS = [
    (SENDER, "listChannels", "dead: channels { nodes { id } }", "dead"),
    (SENDER, "getContactChat", "dead: " + TOP % ("SMART_SENDER", "chat { id }"), "dead.nodes.0.chat"),
    (
        SENDER,
        "listContactMessages",
        "dead: " + TOP % ("SMART_SENDER", "chat { messages { nodes { text } } }"),
        "dead.nodes.0.chat.messages",
    ),
    (
        SENDER,
        "listContactGates",
        "dead: " + TOP % ("SMART_SENDER", "communications { nodes { id } }"),
        "dead.nodes.0.communications",
    ),
    (SENDER, "listVariables", "dead: properties(source: SMART_SENDER) { nodes { key } }", "dead"),
    (PX, "listContacts", "dead: groups(first: 3) { nodes { id } }", "dead"),
    (PX, "getContact", "dead: node(id: $id) { id }", "dead"),
    (SPACE, "getModules", "dead: modules { name }", "dead"),
    (SPACE, "getProperties", "dead: properties(source: SAMESPACE) { nodes { key } }", "dead"),
]
FAULTS = {
    "503": ({"status": 503}, "UPSTREAM_UNAVAILABLE"),
    "reset": ({"reset": "headers"}, "UPSTREAM_UNAVAILABLE"),
    "garbage": (
        {"status": 200, "body": "<html>secret", "content_type": "text/html"},
        "UPSTREAM_BAD_RESPONSE",
    ),
    "half": ({"status": 200, "body": '{"data": [{"na'}, "UPSTREAM_BAD_RESPONSE"),
    "401": ({"status": 401}, "UPSTREAM_AUTH"),
}


def at(data: Any, path: str) -> Any:
    for step in path.split("."):
        data = data[int(step)] if step.isdecimal() else data[step]
    return data


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("source", "operation", "field", "path"), FIELDS, ids=[each[1] + each[3] for each in FIELDS]
)
async def test_what_fails_is_null_and_told_and_all_else_is_there(
    world: World, source: Source, operation: str, field: str, path: str, fault: str
) -> None:
    (contact,) = await world.some(PX)
    given, code = FAULTS[fault]
    world.boards[source].fail(operation, **given)
    named = "query ($id: ID!) " if "$id" in field else ""
    answer = await world.ask(f"{named}{{ {field} {ALIVE % OTHERS[source]} }}", {"id": contact["id"]})
    assert answer.status == 200
    assert at(answer.data, path) is None
    alive = answer.data["alive"]
    assert {each["status"] for each in alive["sources"]} == {"OK"}
    assert len(alive["nodes"]) == 6
    told = [*(error["extensions"] for error in answer.errors), *answer.warnings]
    assert {(each["code"], each.get("source")) for each in told} == {(code, source.value)}
    assert [error["path"][0] for error in answer.errors] == ["dead"] * len(answer.errors)
    assert "secret" not in str(answer.body)
    if "nodes" in path:  # below an item of a list: told beside the data, and the item is there
        assert answer.errors == []
        assert all(node["displayName"] for node in answer.data["dead"]["nodes"])

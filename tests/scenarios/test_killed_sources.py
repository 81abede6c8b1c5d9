"""A source is killed before, during and after a write, and each time the outcome is the right one."""

from typing import Any

import httpx
import pytest

from gateway.model.source import Source
from tests.conftest import Build
from tests.support.world import World

ADA = {"firstName": "Ada", "lastName": "Quux", "email": "ada.quux@example.com"}

# Source, operation of its emulator, mutation, input ("@" stands for a contact there).
SINGLE: list[tuple[Source, str, str, dict[str, Any]]] = [
    (Source.SAMESPACE, "createContact", "createContact", {"targets": [{"source": "SAMESPACE"}], "contact": ADA}),
    (Source.SAMESPACE, "updateContacts", "updateContact", {"id": "@", "contact": ADA}),
    (Source.SAMESPACE, "deleteContacts", "deleteContacts", {"ids": ["@"]}),
    (Source.SAMESPACE, "createProperty", "createProperty", {"label": "Badge", "type": "TEXT"}),
    (Source.PACKAGEX, "createPerson", "createContact", {"targets": [{"source": "PACKAGEX"}], "contact": ADA}),
    (Source.PACKAGEX, "updatePerson", "updateContact", {"id": "@", "contact": ADA}),
    (Source.PACKAGEX, "deleteContact", "deleteContacts", {"ids": ["@"]}),
    (Source.PACKAGEX, "createGroup", "createGroup", {"name": "Harbor"}),
    (Source.SMART_SENDER, "updateContact", "updateContact", {"id": "@", "contact": ADA}),
    (Source.SMART_SENDER, "deleteContact", "deleteContacts", {"ids": ["@"]}),
    (Source.SMART_SENDER, "fireEvent", "triggerEvent", {"contact": "@", "name": "InvoicePaid"}),
    (Source.SMART_SENDER, "sendContactMessage", "sendMessage", {"contact": "@", "text": "Hello"}),
    (Source.SMART_SENDER, "mergeContacts", "mergeContacts", {"into": "@", "from": "@1"}),
    (Source.SMART_SENDER, "addContactFunnel", "updateContactFunnels", {"id": "@", "subscribe": ["wlc7Qd2"]}),
]  # fmt: skip
NAMES = [f"{source.value}-{operation}" for source, operation, _, _ in SINGLE]

# What goes wrong with the write, and whether it may have taken effect: then the outcome is UNCERTAIN.
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "the connection breaks before an answer": ({"reset": "headers"}, "UNCERTAIN", "UPSTREAM_UNAVAILABLE"),
    "the connection breaks within the answer": ({"reset": "body"}, "UNCERTAIN", "UPSTREAM_UNAVAILABLE"),
    "it breaks after the write": ({"reset": "headers", "after": True}, "UNCERTAIN", "UPSTREAM_UNAVAILABLE"),
    "half of the answer": ({"status": 200, "body": '{"data": {"_id'}, "UNCERTAIN", "UPSTREAM_BAD_RESPONSE"),
    "garbage": ({"status": 200, "body": "<html>", "content_type": "text/html"}, "UNCERTAIN", "UPSTREAM_BAD_RESPONSE"),
    "an empty answer": ({"status": 200, "body": ""}, "UNCERTAIN", "UPSTREAM_BAD_RESPONSE"),
    "another shape": ({"status": 200, "body": "[]"}, "UNCERTAIN", "UPSTREAM_BAD_RESPONSE"),
    "500": ({"status": 500, "body": "secret"}, "UNCERTAIN", "UPSTREAM_UNAVAILABLE"),
    "502": ({"status": 502, "body": "<html>secret"}, "UNCERTAIN", "UPSTREAM_UNAVAILABLE"),
    "503": ({"status": 503, "headers": {"retry-after": "7"}}, "REJECTED", "UPSTREAM_UNAVAILABLE"),
    "401": ({"status": 401, "body": "secret"}, "REJECTED", "UPSTREAM_AUTH"),
    "403": ({"status": 403}, "REJECTED", "UPSTREAM_AUTH"),
    "429": ({"status": 429, "headers": {"retry-after": "7"}}, "REJECTED", "UPSTREAM_RATE_LIMITED"),
    "a redirect": ({"status": 307, "headers": {"location": "https://elsewhere.example"}}, "REJECTED", "UPSTREAM_BAD_RESPONSE"),
}  # fmt: skip


@pytest.fixture
async def world(new_world: Build) -> World:
    """A world of few people, as a source is killed in it very often."""
    made = new_world(20)
    await made.fill()
    return made


async def filled(world: World, source: Source, given: dict[str, Any]) -> dict[str, Any]:
    first, second = (each["id"] for each in await world.some(source, 2))
    names = {"@": first, "@1": second}

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    return {name: fill(value) for name, value in given.items()}


def outcome_of(payload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = payload["outcomes"][0] if "outcomes" in payload else payload["outcome"]
    return found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("source", "operation", "field", "given"), SINGLE, ids=NAMES)
async def test_a_write_that_fails_has_the_right_outcome_and_is_sent_once(
    world: World, source: Source, operation: str, field: str, given: dict[str, Any], fault: str
) -> None:
    given = await filled(world, source, given)
    switched, status, code = FAULTS[fault]
    board = world.boards[source]
    board.fail(operation, **switched)
    payload = await world.write(field, given, headers={"x-deadline-ms": "5000"})  # less than it says to wait
    outcome = outcome_of(payload)
    assert (outcome["status"], outcome["code"]) == (status, code)
    assert status != "UNCERTAIN" or "Try again" not in outcome["message"]
    assert board.operations[operation] == 1
    assert "secret" not in str(payload)
    if status == "UNCERTAIN":
        assert not outcome["retryable"]
        assert "never repeats it" in outcome["message"]
    if fault in {"503", "429"}:
        assert (outcome["retryable"], outcome["retryAfterSeconds"]) == (True, 7)
    board.heal()
    assert (await world.data("{ events { nodes { id } } }"))["events"]["nodes"] == []


@pytest.mark.parametrize(("source", "operation", "field", "given"), SINGLE, ids=NAMES)
async def test_a_source_that_is_dead_before_the_write_rejects_it(
    world: World, source: Source, operation: str, field: str, given: dict[str, Any]
) -> None:
    given = await filled(world, source, given)
    world.transports[source].down = httpx.ConnectError
    outcome = outcome_of(await world.write(field, given))
    assert (outcome["status"], outcome["code"]) == ("REJECTED", "UPSTREAM_UNAVAILABLE")
    assert outcome["retryable"]
    world.transports[source].down = None
    assert world.boards[source].operations[operation] == 0
    assert outcome_of(await world.write(field, given))["status"] == "APPLIED"


@pytest.mark.parametrize(("source", "operation", "field", "given"), SINGLE, ids=NAMES)
async def test_a_write_that_is_not_answered_in_time_is_uncertain(
    world: World, source: Source, operation: str, field: str, given: dict[str, Any]
) -> None:
    given = await filled(world, source, given)
    world.transports[source].on = lambda request: _late(request, operation)
    outcome = outcome_of(await world.write(field, given))
    assert (outcome["status"], outcome["code"]) == ("UNCERTAIN", "UPSTREAM_TIMEOUT")


def _late(request: httpx.Request, operation: str) -> None:
    if request.extensions["operation"] == operation:
        raise httpx.ReadTimeout("late", request=request)


READ_BACK: list[tuple[Source, str, str]] = [
    (Source.SAMESPACE, "updateContacts", "getContacts"),
    (Source.SMART_SENDER, "updateContact", "getContact"),
]


@pytest.mark.parametrize(("source", "operation", "reading"), READ_BACK)
async def test_a_source_that_dies_after_the_write_leaves_it_done_but_not_read_back(
    world: World, source: Source, operation: str, reading: str
) -> None:
    (contact,) = await world.some(source)
    board = world.boards[source]
    board.fail(reading, status=503)
    payload = await world.write("updateContact", {"id": contact["id"], "contact": {"lastName": "After"}})
    outcome = payload["outcome"]
    assert outcome["status"] == ("PARTIAL" if source is Source.SMART_SENDER else "APPLIED")
    assert outcome["applied"] == []
    assert "read back" in outcome["message"]
    assert board.operations[operation] == 1


async def test_members_that_could_not_be_put_in_leave_a_group_without_them_and_say_so(world: World) -> None:
    (contact,) = await world.some(Source.PACKAGEX)
    world.packagex.switches.fail("updateGroup", status=503)
    payload = await world.write(
        "createGroup", {"name": "Harbor", "members": [contact["id"]]}, "group { name memberCount }"
    )
    assert payload["outcome"]["status"] == "PARTIAL"
    assert payload["outcome"]["ignored"] == ["members"]
    assert payload["group"] == {"name": "Harbor", "memberCount": 0}

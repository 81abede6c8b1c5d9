"""The budget of a source is the gateway's to keep, not the caller's to discover."""

from gateway.model.source import Source
from tests.conftest import Build

CHAT = "query ($id: ID!) { chat(contact: { id: $id }) { id } }"
IDS = "{ contacts(first: 100, sources: [SMART_SENDER]) { nodes { id } } }"


async def test_twice_the_limit_draws_no_refusal_and_no_lock(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="180/60")
    world.smartsender.switches.rate_limits = True
    page = await world.data(IDS)
    ids = [node["id"] for node in page["contacts"]["nodes"]]
    codes: list[str] = []
    for place in range(360):
        answer = await world.ask(CHAT, {"id": ids[place % len(ids)]}, headers={"X-Deadline-Ms": "20000"})
        codes += answer.codes
    assert set(codes) == {"UPSTREAM_RATE_LIMITED"}
    assert len(codes) == 360 - (180 - 5)
    assert (world.smartsender.refused, world.smartsender.locks) == (0, 0)


async def test_a_refusal_for_want_of_budget_says_when_to_come_back(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="1/60")
    await world.data("{ channels { nodes { id } } }")
    answer = await world.ask(
        "{ contacts { nodes { source } sources { source status retryAfterSeconds code } } }",
        headers={"X-Deadline-Ms": "20000"},
    )
    told = {each["source"]: each for each in answer.data["contacts"]["sources"]}
    assert told["SMART_SENDER"]["status"] == "RATE_LIMITED"
    assert told["SMART_SENDER"]["code"] == "UPSTREAM_RATE_LIMITED"
    assert 50 < told["SMART_SENDER"]["retryAfterSeconds"] <= 60
    assert {node["source"] for node in answer.data["contacts"]["nodes"]} == {"SAMESPACE", "PACKAGEX"}
    assert world.calls["SMART_SENDER"] == 1


async def test_a_scan_leaves_room_for_callers(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="40/60")
    await world.crawler.scan(Source.SMART_SENDER)
    assert world.calls["SMART_SENDER"] <= 20
    await world.data("{ channels { nodes { id } } }")


async def test_what_others_use_up_with_the_same_key_is_learned(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="180/60")
    world.smartsender.switches.fail(
        "listChannels",
        body='{"cursor": {"page": 1, "pages": 1}, "collection": []}',
        headers={"x-rate-limit": "0"},
    )
    await world.data("{ channels { nodes { id } } }")
    answer = await world.ask("{ channels { nodes { id } } }", headers={"X-Deadline-Ms": "20000"})
    assert answer.codes == ["UPSTREAM_RATE_LIMITED"]
    assert world.calls["SMART_SENDER"] == 1

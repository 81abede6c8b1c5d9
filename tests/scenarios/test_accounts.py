"""Two customers behind one gateway: nothing of one is ever seen, used or changed by the other."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway import config
from gateway.cache.reads import Keep
from gateway.config import BadSetting
from gateway.model import ids
from gateway.model.source import Source
from tests.support.houses import Town, accounts, entry, environment, houses, town
from tests.support.waiting import until

ADA, BOB = "ada", "bob"  # callers of the accounts acme and zeta
CACHED = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "60" for kind in Keep} | {
    "GATEWAY_STALE_IF_ERROR_SECONDS": "300"
}
CREATE = (
    "mutation ($input: CreateContactInput!) { createContact(input: $input) "
    "{ contacts { id displayName } outcomes { source status } userErrors { code } } }"
)
EVENTS = "{ events(first: 50) { nodes { id type actor contactId } pageInfo { endCursor } } }"
IMPORT = (
    "mutation ($input: ImportContactsInput!) { importContacts(input: $input) "
    "{ job { id state confirmation reports { source status created } } userErrors { code } } }"
)
LIST = (
    "{ contacts(first: 30) { nodes { id source sourceId displayName email } "
    "pageInfo { endCursor } sources { source status fromCache } } }"
)
NODE = "query ($id: ID!) { node(id: $id) { id } }"
PEOPLE = b"Name,Email,Phone\nNoor Import,noor@example.com,\n"
STATES = "{ sources { source enabled status breaker rateLimit { limit } } }"

Towns = Callable[..., Town]


@pytest.fixture
async def towns() -> AsyncIterator[Towns]:
    """Makes gateways in front of houses; all of them are closed afterwards."""
    made: list[Town] = []

    def build(*arguments: Any, **more: Any) -> Town:
        made.append(town(*arguments, **more))
        return made[-1]

    yield build
    for each in made:
        await each.aclose()


@pytest.fixture(params=["alone", "shared"])
async def pair(request: pytest.FixtureRequest, towns: Towns) -> Town:
    """Two accounts with houses of their own behind a gateway that keeps answers: in itself, or in Redis."""
    acme, zeta = houses("acme", "zeta")
    settings = {
        "GATEWAY_API_KEYS": ";".join(
            (entry(ADA, "read,write,import,raw:acme"), entry(BOB, "read,write,import,raw:zeta"))
        ),
        "GATEWAY_ACCOUNTS": accounts(acme, zeta),
        **CACHED,
    }
    if request.param == "shared":
        settings["GATEWAY_STATE_URL"] = request.getfixturevalue("redis_url")
    made = towns((acme, zeta), environment(None, **settings))
    if made.gateway.replicas is not None:
        await made.gateway.replicas.state.probe()
        assert made.gateway.shared_state()
    return made


def emails(answer: Any) -> set[str]:
    return {node["email"] for node in answer["contacts"]["nodes"] if node["email"]}


# Reading.


async def test_each_key_sees_the_people_of_its_own_account(pair: Town) -> None:
    acme, zeta = pair.houses
    of_ada = await pair.data(ADA, LIST)
    assert set(acme.calls) == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}
    assert zeta.calls == {}
    of_bob = await pair.data(BOB, LIST)
    assert zeta.calls == acme.calls
    assert len(emails(of_ada)) > 10
    assert not emails(of_ada) & emails(of_bob)
    assert pair.strangers == []


async def test_the_id_of_a_vendor_means_another_person_in_another_account(pair: Town) -> None:
    of_ada, of_bob = [(await pair.data(who, LIST))["contacts"]["nodes"] for who in (ADA, BOB)]
    by_id = (
        "query ($source: Source!, $id: ID!) "
        "{ contact(by: { sourceId: { source: $source, sourceId: $id } }) { id displayName email } }"
    )
    theirs = {(node["source"], node["sourceId"]): node for node in of_bob}
    both = [node for node in of_ada if (node["source"], node["sourceId"]) in theirs]
    assert both
    for node in (each for each in both if each["source"] != "SAMESPACE"):  # which needs its index
        given = {"source": node["source"], "id": node["sourceId"]}
        for who, known in ((ADA, node), (BOB, theirs[node["source"], node["sourceId"]])):
            found = (await pair.data(who, by_id, given, Cache_Control="no-cache"))["contact"]
            assert found == {name: known[name] for name in ("id", "displayName", "email")}


async def everything(pair: Town) -> dict[str, str]:
    """An id of each kind of thing that Ada can name."""
    query = (
        "{ contacts(first: 9) { nodes { id tags { id } "
        "chat { id communications { id } messages(first: 1) { nodes { id } } } } } "
        "groups(first: 1) { nodes { id } } channels(first: 1) { nodes { id } } modules { id } "
        "properties(source: SAMESPACE, first: 1) { nodes { id } } }"
    )
    found = await pair.data(ADA, query)
    nodes = found["contacts"]["nodes"]
    chats = [node["chat"] for node in nodes if node["chat"]]
    made = await pair.data(ADA, CREATE, NEW)
    job = (await pair.upload(ADA, IMPORT, {"targets": [{"source": "PACKAGEX"}]}, PEOPLE)).data
    events = await pair.data(ADA, EVENTS)
    return {
        "contact": nodes[0]["id"],
        "packagex contact": nodes[1]["id"],
        "smart sender contact": nodes[2]["id"],
        "tag": next(tag["id"] for node in nodes for tag in node["tags"]),
        "chat": chats[0]["id"],
        "communication": chats[0]["communications"][0]["id"],
        "group": found["groups"]["nodes"][0]["id"],
        "channel": found["channels"]["nodes"][0]["id"],
        "module": found["modules"][0]["id"],
        "property": found["properties"]["nodes"][0]["id"],
        "created": made["createContact"]["contacts"][0]["id"],
        "job": job["importContacts"]["job"]["id"],
        "event": events["events"]["nodes"][0]["id"],
    }


NEW = {"input": {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Ada Quux"}}}


async def test_no_id_of_one_account_is_read_by_the_other(pair: Town) -> None:
    named = await everything(pair)
    pair.forget()
    for what, id_ in named.items():
        answer = await pair.ask(BOB, NODE, {"id": id_})
        assert (what, answer.data, answer.codes) == (what, {"node": None}, ["BAD_USER_INPUT"])
    answer = await pair.ask(
        BOB, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [*named.values()]}
    )
    assert not answer.data or not any(answer.data["nodes"] or ())
    assert set(answer.codes) == {"BAD_USER_INPUT"}
    for field in ("contact", "chat"):
        argument = "by" if field == "contact" else "contact"
        query = f"query ($id: ID!) {{ it: {field}({argument}: {{ id: $id }}) {{ id }} }}"
        answer = await pair.ask(BOB, query, {"id": named["smart sender contact"]})
        assert (answer.data, answer.codes) == ({"it": None}, ["BAD_USER_INPUT"])
    assert [house.calls for house in pair.houses] == [{}, {}]


async def test_the_number_of_an_event_or_a_job_leads_to_nothing_in_another_account(pair: Town) -> None:
    named = await everything(pair)
    pair.forget()
    for kind, what in (("Event", "event"), ("ImportJob", "job")):
        number = ids.expect_own(named[what], kind, "acme")
        forged = ids.own(kind, "zeta", number)
        assert await pair.data(BOB, NODE, {"id": forged}) == {"node": None}
        assert (await pair.data(ADA, NODE, {"id": named[what]}))["node"] is not None


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("contacts", ""),
        ("contacts", "sources: [PACKAGEX], "),
        ("groups", ""),
        ("channels", ""),
        ("properties", "source: SAMESPACE, "),
        ("events", ""),
    ],
)
async def test_no_cursor_of_one_account_fits_the_other(pair: Town, field: str, more: str) -> None:
    for who in (ADA, BOB):  # so that there is an event
        await pair.data(who, CREATE, NEW)
    query = (
        f"query ($after: String) {{ it: {field}({more}first: 1, after: $after) "
        "{ nodes { id } pageInfo { endCursor } } }"
    )
    page = (await pair.data(ADA, query))["it"]
    after = {"after": page["pageInfo"]["endCursor"]}
    assert after["after"] is not None
    pair.forget()
    answer = await pair.ask(BOB, query, after)
    assert (answer.data, answer.codes) == ({"it": None}, ["CURSOR_INVALID"])
    assert [house.calls for house in pair.houses] == [{}, {}]


async def test_what_is_kept_for_one_account_is_not_served_to_the_other(pair: Town) -> None:
    first = [await pair.data(who, LIST) for who in (ADA, BOB)]
    pair.forget()
    again = [await pair.data(who, LIST) for who in (ADA, BOB)]
    assert [house.calls for house in pair.houses] == [{}, {}]
    for before, after in zip(first, again, strict=True):
        assert after["contacts"]["nodes"] == before["contacts"]["nodes"]
        assert {each["fromCache"] for each in after["contacts"]["sources"]} == {True}
    assert not emails(again[0]) & emails(again[1])


async def test_what_was_last_seen_in_one_account_does_not_stand_in_for_the_other(pair: Town) -> None:
    await pair.data(ADA, LIST)
    for source in Source:
        pair.houses[1].board(source).fail(status=503)
    answer = await pair.ask(BOB, LIST)
    assert not answer.data or answer.data["contacts"] is None
    assert answer.errors


async def test_a_write_in_one_account_puts_aside_what_was_kept_for_it_alone(pair: Town) -> None:
    for who in (ADA, BOB):
        await pair.data(who, LIST)
    await pair.data(ADA, CREATE, NEW)
    pair.forget()
    for who in (ADA, BOB):
        await pair.data(who, LIST)
    assert [house.calls for house in pair.houses] == [{"PACKAGEX": 1}, {}]


async def test_the_same_question_at_the_same_time_is_two_calls_with_two_answers(pair: Town) -> None:
    hold = asyncio.Event()
    boards = [house.board(Source.PACKAGEX) for house in pair.houses]
    for board in boards:
        board.sleep = lambda _: hold.wait()
        board.fail(latency=1.0)
    asked = [asyncio.create_task(pair.data(who, LIST)) for who in (ADA, BOB, ADA, BOB)]
    await until(lambda: all(board.requests for board in boards))
    hold.set()
    ada, bob, ada_again, bob_again = await asyncio.gather(*asked)
    assert [board.requests for board in boards] == [1, 1]
    assert (ada["contacts"]["nodes"], bob["contacts"]["nodes"]) == (
        ada_again["contacts"]["nodes"],
        bob_again["contacts"]["nodes"],
    )
    assert not emails(ada) & emails(bob)


async def test_searches_filters_and_counts_find_nobody_of_the_other_account(pair: Town) -> None:
    for account in ("acme", "zeta"):
        await pair.scan(account)
    people = {
        who: [node for node in (await pair.data(who, LIST))["contacts"]["nodes"] if node["email"]]
        for who in (ADA, BOB)
    }
    query = (
        "query ($email: String!) { found: contacts(filter: { email: $email }) { nodes { email } totalCount } "
        "searched: contacts(search: $email) { nodes { email } } }"
    )
    for who, other in ((ADA, BOB), (BOB, ADA)):
        mine, theirs = people[who][0]["email"], people[other][0]["email"]
        found = await pair.data(who, query, {"email": mine})
        assert mine in {node["email"] for node in found["found"]["nodes"]}
        assert mine in {node["email"] for node in found["searched"]["nodes"]}
        nobody = await pair.data(who, query, {"email": theirs})
        assert (nobody["found"]["nodes"], nobody["searched"]["nodes"]) == ([], [])
        assert nobody["found"]["totalCount"] == 0


async def test_an_index_that_one_account_has_filled_is_empty_for_the_other(pair: Town) -> None:
    await pair.scan("acme")
    pair.forget()
    query = (
        '{ contacts(filter: { createdAfter: "1970-01-01T00:00:00Z" }, sources: [PACKAGEX]) '
        "{ nodes { email } sources { status } } }"
    )
    found = emails(await pair.data(ADA, query))
    assert found
    assert pair.houses[0].calls == {}
    answer = await pair.ask(BOB, query)
    assert not answer.data["contacts"] or answer.data["contacts"]["nodes"] == []


async def test_people_of_one_account_are_nobody_in_the_other(pair: Town) -> None:
    for account in ("acme", "zeta"):
        await pair.scan(account)
    pair.forget()
    query = (
        "query ($after: String) { people(first: 30, after: $after) { nodes { id emails phones "
        "members { contact { id } } } pageInfo { endCursor } } }"
    )
    of_ada, of_bob = [(await pair.data(who, query))["people"] for who in (ADA, BOB)]
    told = [{text for each in page["nodes"] for text in each["emails"][:1]} for page in (of_ada, of_bob)]
    told = [{text for text in some if not text.startswith("accounts@")} for some in told]
    assert len(told[0]) > 10
    assert told[0].isdisjoint(told[1])
    theirs = next(each for each in of_ada["nodes"] if set(each["emails"][:1]) & told[0])
    one = "query ($by: PersonBy!) { person(by: $by) { id } }"
    for by in ({"id": theirs["id"]}, {"contact": theirs["members"][0]["contact"]["id"]}):
        answer = await pair.ask(BOB, one, {"by": by})
        assert (answer.data, answer.codes) == ({"person": None}, ["BAD_USER_INPUT"])
    assert await pair.data(BOB, one, {"by": {"email": theirs["emails"][0]}}) == {"person": None}
    answer = await pair.ask(BOB, NODE, {"id": theirs["id"]})
    assert (answer.data, answer.codes) == ({"node": None}, ["BAD_USER_INPUT"])
    answer = await pair.ask(BOB, query, {"after": of_ada["pageInfo"]["endCursor"]})
    assert answer.codes == ["CURSOR_INVALID"]
    named = ids.expect(theirs["id"], "Person", "acme")
    forged = ids.encode("Person", "zeta", named.source.value, *named.parts)
    found = (await pair.data(BOB, one, {"by": {"id": forged}}))["person"]
    assert found is None or found["id"] in {each["id"] for each in of_bob["nodes"]}
    assert [house.calls for house in pair.houses] == [{}, {}]


async def test_what_is_said_by_hand_in_one_account_joins_nobody_in_the_other(pair: Town) -> None:
    for account in ("acme", "zeta"):
        await pair.scan(account)
    query = "{ people(first: 100) { nodes { id members { contact { id } } } } }"
    before = [(await pair.data(who, query))["people"]["nodes"] for who in (ADA, BOB)]
    one, two = before[0][0], before[0][1]
    link = (
        "mutation ($input: LinkContactsInput!) { linkContacts(input: $input) "
        "{ people { id } userErrors { message } } }"
    )
    given = {
        "contacts": [each["members"][0]["contact"]["id"] for each in (one, two)],
        "reason": "They said so.",
    }
    said = await pair.data(ADA, link, {"input": given})
    assert said["linkContacts"]["userErrors"] == []
    after = [(await pair.data(who, query))["people"]["nodes"] for who in (ADA, BOB)]
    assert after[0] != before[0]
    assert after[1] == before[1]


async def test_a_source_that_fails_one_account_is_well_for_the_other(pair: Town) -> None:
    pair.houses[0].board(Source.PACKAGEX).fail(status=503)
    query = "{ contacts(sources: [PACKAGEX], first: 1) { nodes { id } } }"
    for _ in range(6):
        await pair.ask(ADA, query, Cache_Control="no-cache")
    await pair.data(BOB, query, Cache_Control="no-cache")
    states = [
        next(each for each in (await pair.data(who, STATES))["sources"] if each["source"] == "PACKAGEX")
        for who in (ADA, BOB)
    ]
    assert [state["status"] for state in states] == ["DOWN", "UP"]
    assert [state["breaker"] for state in states] == ["OPEN", "CLOSED"]


# Writing.


async def test_every_write_reaches_the_source_of_its_account_alone_with_its_key(pair: Town) -> None:
    acme, zeta = pair.houses
    for who, house, other in ((ADA, acme, zeta), (BOB, zeta, acme)):
        pair.forget()
        found = await pair.data(who, LIST)
        _, packagex, smart_sender = found["contacts"]["nodes"][:3]
        pair.forget()
        made = await pair.data(who, CREATE, NEW)
        assert made["createContact"]["outcomes"] == [{"source": "PACKAGEX", "status": "APPLIED"}]
        await pair.data(
            who,
            "mutation ($p: UpdateContactInput!, $s: UpdateContactTagsInput!, $e: TriggerEventInput!, "
            "$g: CreateGroupInput!) { updateContact(input: $p) { outcome { status } } "
            "updateContactTags(input: $s) { outcome { status } } "
            "triggerEvent(input: $e) { outcome { status } } createGroup(input: $g) { outcome { status } } }",
            {
                "p": {"id": packagex["id"], "contact": {"lastName": "Byron"}},
                "s": {"id": smart_sender["id"], "add": ["Harbor"]},
                "e": {"contact": smart_sender["id"], "name": "InvoicePaid"},
                "g": {"name": "Harbor"},
            },
        )
        assert "createPerson" in house.operations
        assert house.calls.keys() == {"PACKAGEX", "SMART_SENDER"}
        assert other.calls == {}
    assert pair.strangers == []


async def test_no_write_takes_an_id_of_the_other_account(pair: Town) -> None:
    theirs = await everything(pair)
    mine = (await pair.data(BOB, LIST))["contacts"]["nodes"]
    own_group = (await pair.data(BOB, "{ groups(first: 1) { nodes { id } } }"))["groups"]["nodes"][0]["id"]
    pair.forget()
    contact, client = theirs["packagex contact"], theirs["smart sender contact"]
    change = {"contact": {"lastName": "Byron"}}
    for field, given in (
        ("updateContact", {"id": contact, **change}),
        ("updateContacts", {"ids": [mine[1]["id"], contact], **change}),
        ("deleteContacts", {"ids": [mine[1]["id"], contact]}),
        ("mergeContacts", {"into": mine[2]["id"], "from": client}),
        ("mergeContacts", {"into": client, "from": mine[2]["id"]}),
        ("updateContactTags", {"id": client, "add": [theirs["tag"]]}),
        ("updateContactTags", {"id": mine[2]["id"], "add": [theirs["tag"]]}),
        ("triggerEvent", {"contact": client, "name": "InvoicePaid"}),
        ("sendMessage", {"contact": client, "text": "hello"}),
        (
            "createContact",
            {**NEW["input"], "targets": [{"source": "SMART_SENDER", "channel": theirs["channel"]}]},
        ),
        ("createGroup", {"name": "Harbor", "members": [contact]}),
        ("updateGroup", {"id": theirs["group"], "name": "Harbor"}),
        ("updateGroup", {"id": own_group, "addMembers": [contact]}),
        ("deleteGroup", {"id": theirs["group"]}),
        ("updateProperty", {"id": theirs["property"], "label": "Harbor"}),
    ):
        type_ = f"{field[0].upper()}{field[1:]}Input"
        document = f"mutation ($input: {type_}!) {{ {field}(input: $input) {{ userErrors {{ message }} }} }}"
        answer = await pair.ask(BOB, document, {"input": given})
        told = [error["message"] for error in answer.errors]
        told += [error["message"] for error in (answer.data or {}).get(field, {}).get("userErrors", [])]
        assert "not an id of your account" in " ".join(told), field
        assert [house.calls for house in pair.houses] == [{}, {}], field


async def test_no_contact_is_created_in_a_module_of_the_other_account(pair: Town) -> None:
    theirs = (await pair.data(ADA, "{ modules { id } }"))["modules"][0]["id"]
    pair.forget()
    target = {"source": "SAMESPACE", "module": {"id": theirs}}
    answer = await pair.ask(
        BOB, CREATE, {"input": {"targets": [target], "contact": {"firstName": "Ada", "lastName": "Quux"}}}
    )
    assert answer.codes or answer.data["createContact"]["userErrors"]
    assert not {"createContact", "createContacts"} & pair.houses[1].operations.keys()
    assert pair.houses[0].calls == {}


async def test_events_of_one_account_are_not_in_the_log_of_the_other(pair: Town) -> None:
    await pair.data(ADA, CREATE, NEW)
    await pair.data(BOB, CREATE, NEW)
    await pair.data(ADA, CREATE, NEW)
    seen = {who: (await pair.data(who, EVENTS))["events"]["nodes"] for who in (ADA, BOB)}
    assert [event["actor"] for event in seen[ADA]] == [ADA, ADA]
    assert [event["actor"] for event in seen[BOB]] == [BOB]
    assert not {event["id"] for event in seen[ADA]} & {event["id"] for event in seen[BOB]}


async def test_the_same_idempotency_key_in_two_accounts_is_two_writes(pair: Town) -> None:
    inputs = {
        who: {
            "input": {
                **NEW["input"],
                "contact": {"name": f"{who.title()} Quux"},
                "idempotencyKey": "order-17",
            }
        }
        for who in (ADA, BOB)
    }
    made = await asyncio.gather(*(pair.data(who, CREATE, inputs[who]) for who in (ADA, BOB)))
    names = [each["createContact"]["contacts"][0]["displayName"] for each in made]
    assert names == ["Ada Quux", "Bob Quux"]
    assert [house.operations["createPerson"] for house in pair.houses] == [1, 1]
    again = [await pair.data(who, CREATE, inputs[who]) for who in (ADA, BOB)]
    assert again == made
    assert [house.operations["createPerson"] for house in pair.houses] == [1, 1]


async def test_callers_of_the_same_name_in_two_accounts_are_two(towns: Towns) -> None:
    acme, zeta = houses("acme", "zeta")
    keys = ";".join((entry("bot", "read,write:acme", key="k1"), entry("bot", "read,write:zeta", key="k2")))
    made = towns(
        (acme, zeta), environment(None, GATEWAY_API_KEYS=keys, GATEWAY_ACCOUNTS=accounts(acme, zeta))
    )
    given = {"input": {**NEW["input"], "idempotencyKey": "order-17"}}
    found = [await made.data(key, CREATE, given) for key in ("k1", "k2")]
    assert found[0]["createContact"]["contacts"][0]["id"] != found[1]["createContact"]["contacts"][0]["id"]
    assert [house.operations["createPerson"] for house in made.houses] == [1, 1]
    assert made.gateway.config.several_callers


async def test_a_confirmation_of_one_account_deletes_nobody_of_the_other(pair: Town) -> None:
    target = {"source": "PACKAGEX", "overwrite": True}
    tried = await pair.upload(ADA, IMPORT, {"targets": [target], "dryRun": True}, PEOPLE)
    confirmation = tried.data["importContacts"]["job"]["confirmation"]
    given = {"targets": [{**target, "confirmation": confirmation}]}
    pair.forget()
    refused = await pair.upload(BOB, IMPORT, given, PEOPLE)
    assert [each["code"] for each in refused.data["importContacts"]["userErrors"]] == ["INVALID"]
    assert "createFromCsv" not in pair.houses[1].operations
    done = await pair.upload(ADA, IMPORT, given, PEOPLE)
    assert done.data["importContacts"]["job"]["state"] == "FINISHED"
    assert [house.operations.get("createFromCsv", 0) for house in pair.houses] == [1, 0]


# What accounts take from the common settings.


async def test_an_account_takes_addresses_and_limits_from_the_common_settings_and_never_a_key(
    towns: Towns,
) -> None:
    common, acme = houses("common", "acme")
    own = {"acme": {"PACKAGEX_API_KEY": acme.keys[Source.PACKAGEX]}}
    made = towns(
        (common, acme),
        environment(
            common,
            GATEWAY_API_KEYS=";".join((entry(ADA, "read:acme"), entry(BOB, "read"))),
            GATEWAY_ACCOUNTS=json.dumps(own),
            PACKAGEX_RATE_LIMIT="77/60",
            SAMESPACE_RATE_LIMIT="88/60",
        ),
    )
    states = {each["source"]: each for each in (await made.data(ADA, STATES))["sources"]}
    assert {source: state["enabled"] for source, state in states.items()} == {
        "SAMESPACE": False,
        "PACKAGEX": True,
        "SMART_SENDER": False,
    }
    assert states["PACKAGEX"]["rateLimit"]["limit"] == 77
    assert {node["source"] for node in (await made.data(ADA, LIST))["contacts"]["nodes"]} == {"PACKAGEX"}
    assert (acme.calls, common.calls) == ({"PACKAGEX": 1}, {})
    assert len({node["source"] for node in (await made.data(BOB, LIST))["contacts"]["nodes"]}) == 3
    assert made.strangers == []


async def test_accounts_with_the_same_key_share_its_rate_limit_and_others_do_not(towns: Towns) -> None:
    common, acme = houses("common", "acme")
    own = {
        "acme": acme.settings,
        "twin": acme.settings,
        "slow": {**acme.settings, "PACKAGEX_API_KEY": "key-7Jq2-slow", "PACKAGEX_RATE_LIMIT": "5/60"},
    }
    made = towns(
        (common, acme),
        environment(common, GATEWAY_API_KEYS=entry(ADA), GATEWAY_ACCOUNTS=json.dumps(own)),
    )
    budgets = [
        made.gateway.accounts.budget(Source.PACKAGEX, name) for name in ("acme", "twin", "default", "slow")
    ]
    assert budgets[0] is budgets[1]
    assert len({id(budget) for budget in budgets}) == 3
    assert budgets[3].limit == 5


async def test_two_accounts_of_one_house_are_told_their_own_ids_of_the_same_pages(towns: Towns) -> None:
    common, acme = houses("common", "acme")
    own = {"acme": acme.settings, "twin": acme.settings}
    made = towns(
        (common, acme),
        environment(
            common,
            GATEWAY_API_KEYS=";".join((entry(ADA, "read:acme"), entry(BOB, "read:twin"))),
            GATEWAY_ACCOUNTS=json.dumps(own),
        ),
    )
    for _ in range(4):
        for who, account in ((ADA, "acme"), (BOB, "twin")):
            answer = await made.ask(who, LIST, cache_control="no-cache")
            told = answer.body["data"]["contacts"]["nodes"]
            assert len(told) == 30
            assert {ids.decode(each["id"]).account for each in told} == {account}


@pytest.mark.parametrize(
    ("keys", "own"),
    [
        (entry(ADA, "read:nobody"), {"acme": {}}),
        (entry(ADA, "read:acme"), {"acme": {}, "brought.x": {}}),
        (entry(ADA, "read:brought.x"), {}),
        (entry(ADA, "read:acme"), {"acme": {"GATEWAY_HOST": "x"}}),
        (entry(ADA, "read:acme"), {"acme": {"PACKAGEX_API_KEY": "key-7Jq2\nx"}}),
        (entry(ADA, "read:acme"), {"acme": {"PACKAGEX_URL": "http://key-7Jq2.example.com"}}),
        (entry(ADA, "read:acme"), {"acme": {"PACKAGEX_API_KEY": 7}}),
    ],
)
def test_odd_accounts_are_refused_at_the_start_without_quoting_a_key(keys: str, own: Any) -> None:
    with pytest.raises(BadSetting) as refused:
        config.read(environment(None, GATEWAY_API_KEYS=keys, GATEWAY_ACCOUNTS=json.dumps(own)))
    assert "GATEWAY_ACCOUNTS" in str(refused.value)
    assert "7Jq2" not in str(refused.value)

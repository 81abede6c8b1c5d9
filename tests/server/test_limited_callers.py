"""Whoever is limited to some sources or modules gets nothing of the others, whatever way it is tried."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from gateway.model import ids
from gateway.model.source import Source
from gateway.model.text import same_email
from tests.server.test_rights import FILE, MUTATION, SETTINGS, UNSENT, by, send
from tests.support import world as worlds
from tests.support.world import Answer, World, schema

pytestmark = pytest.mark.asyncio(loop_scope="module")  # most tests share one world, which they only read

PX, SPACE, SENDER = Source.PACKAGEX, Source.SAMESPACE, Source.SMART_SENDER
CACHED: dict[str, Any] = {
    f"GATEWAY_CACHE_{kind}_SECONDS": "300" for kind in "CONTACT LIST GROUP CHAT CHANNEL DEFINITION".split()
}
MODULES = ("Contacts", "Companies")


def limited(source: Source, **more: Any) -> dict[str, str]:
    """A caller with every scope, limited to one source."""
    return by(sources=[source.value], sub=f"only {source.value}", **more)


# ---- everything that can be selected


def everything(type_: Any, depth: int) -> str:
    """All fields of a type that need no argument, so far down; keys are such that nothing conflicts."""
    fields: dict[str, GraphQLField] = type_.fields
    found = ["__typename"]
    for name, field in fields.items():
        if any(is_required_argument(each) for each in field.args.values()):
            continue
        named: Any = get_named_type(field.type)
        first = "(first: 3)" if "first" in field.args else ""
        if is_leaf_type(named):
            found.append(name)
        elif depth and isinstance(named, GraphQLObjectType) and name not in {"edges", "definition"}:
            found.append(f"{name}{first} {{ {everything(named, depth - 1)} }}")
    return " ".join(found)


def whole(name: str, depth: int = 2) -> str:
    built: GraphQLSchema = schema()
    return f"{{ {everything(built.type_map[name], depth)} }}"


PAGE = whole("ContactConnection", 1)
LISTS = {
    "contacts": f"contacts(first: 30) {whole('ContactConnection')}",
    "contacts of each": " ".join(
        f"{source.value}: contacts(first: 10, sources: [{source.value}]) {PAGE}" for source in Source
    ),
    "people": f"people(first: 30) {whole('PersonConnection', 3)}",
    "people that are searched": f'people(first: 30, search: "an") {whole("PersonConnection", 3)}',
    "people who differ": f"drift(first: 30) {whole('PersonConnection', 3)}",
    "who is held apart": f"identityConflicts(first: 30) {whole('IdentityConflictConnection')}",
    "contacts by name": f"contacts(first: 30, orderBy: {{field: NAME}}) {PAGE}",
    "contacts by e-mail": f"contacts(first: 30, orderBy: {{field: EMAIL, direction: DESC}}) {PAGE}",
    "contacts with an address": (
        f'contacts(first: 30, filter: {{properties: [{{key: "city", exists: true}}]}}) {PAGE}'
    ),
    "contacts that are searched": f'contacts(first: 30, search: "a") {PAGE}',
    "contacts of modules": " ".join(
        f'{name}: contacts(first: 10, filter: {{module: {{name: "{name}"}}}}) {PAGE} '
        f'{name}By: contacts(first: 10, orderBy: {{field: NAME}}, filter: {{module: {{name: "{name}"}}}}) '
        f"{PAGE}"
        for name in MODULES
    ),
    "groups": f"groups(first: 10) {whole('GroupConnection', 3)}",
    "modules": f"modules {whole('Module', 2)}",
    "properties": " ".join(
        f"{source.value}: properties(source: {source.value}) {whole('PropertyConnection', 2)}"
        for source in Source
    ),
    "properties of modules": " ".join(
        f'{name}: properties(source: SAMESPACE, module: {{name: "{name}"}}) {whole("PropertyConnection", 2)}'
        for name in MODULES
    ),
    "channels": f"channels {whole('ChannelConnection', 2)}",
    "events": f"events(first: 50) {whole('EventConnection', 2)}",
    "sources": f"sources {whole('SourceInfo', 2)}",
}


def by_id(text: str) -> dict[str, str]:
    """Every query that leads to a thing by its id."""
    named = ids.decode(text)
    type_ = named.type
    entity = f'_entities(representations: [{{__typename: "{type_}", %s}}]) {{ ... on {type_} %s }}'
    found = {
        "entity": entity % ("id: $id", whole(type_, 2)),
        "node": f"node(id: $id) {{ ... on {type_} {whole(type_, 2)} }}",
        "nodes": f"nodes(ids: [$id, $id]) {{ id ... on {type_} {whole(type_, 1)} }}",
    }
    if type_ == "Contact":
        assert isinstance(named, ids.GlobalId)
        key = f'source: "{named.source}", sourceId: {json.dumps(named.parts[-1])}'
        found["entity by its source"] = f"{entity % (key, whole(type_, 2))} node(id: $id) {{ __typename }}"
        found["contact"] = f"contact(by: {{id: $id}}) {whole('Contact', 2)}"
        found["chat"] = f"chat(contact: {{id: $id}}) {whole('Chat', 2)}"
        found["events"] = f"events(filter: {{contactId: $id}}) {whole('EventConnection', 2)}"
    if type_ == "Group":
        found["group"] = f"group(by: {{id: $id}}) {whole('Group', 3)}"
        found["members"] = f"contacts(filter: {{group: $id}}) {PAGE}"
        found["members by name"] = f"contacts(filter: {{group: $id}}, orderBy: {{field: NAME}}) {PAGE}"
    if type_ == "Module":
        found["contacts"] = f"contacts(filter: {{module: {{id: $id}}}}) {PAGE}"
        found["properties"] = (
            f"properties(source: SAMESPACE, module: {{id: $id}}) {whole('PropertyConnection', 1)}"
        )
    if type_ == "Tag":
        return {"tagged": f"contacts(filter: {{tag: $id}}) {PAGE}"}
    if type_ == "ImportJob":
        found["importJob"] = f"importJob(id: $id) {whole('ImportJob', 2)}"
    return found


def texts(value: Any) -> Iterator[str]:
    """Every text in an answer."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


# ---- what there is


class There:
    """A world in which things were read, written and imported in every source, and what is of whom."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.of: dict[str, set[str]] = {}  # by source and module: texts that tell its records from others
        self.all: dict[str, set[str]] = {}  # the same, with whatever else stands in its records
        self.ids: dict[str, list[str]] = {}  # by source and module: ids of things of it

    async def ask(self, text: str, headers: dict[str, str], id_: str | None = None) -> Answer:
        declared = "query ($id: ID!) " if id_ is not None else ""
        answer = await self.world.ask(f"{declared}{{ {text} }}", {"id": id_}, headers=headers)
        assert answer.status == 200, answer.body
        return answer

    def hidden(self, place: str) -> set[str]:
        """What stands in the records of other places, and in none of this one."""
        others = [texts for name, texts in self.of.items() if not name.startswith(place)]
        own = [
            texts for held in (self.of, self.all) for name, texts in held.items() if name.startswith(place)
        ]
        mine = set().union(*own)
        return set().union(*others) - mine - {same_email(text) for text in mine}  # people show that form

    def foreign(self, place: str) -> list[str]:
        """Ids of things of other places."""
        return [each for name, listed in self.ids.items() if not name.startswith(place) for each in listed]


# Phones are left out: sources write those of the people whom they share in ways of their own.
PEOPLE = "{ id sourceId displayName firstName lastName email notes { text } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there() -> AsyncIterator[There]:
    """Something of everything in each source; nobody changes it."""
    world = worlds.build(40, **SETTINGS, **CACHED)
    found = await furnished(world)
    await happen(found)
    yield found
    await worlds.close(world)


@pytest_asyncio.fixture(loop_scope="module")
async def own() -> AsyncIterator[There]:
    """The same, without a past, for a test that changes it."""
    world = worlds.build(40, **SETTINGS, **CACHED)
    yield await furnished(world)
    await worlds.close(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncached() -> AsyncIterator[There]:
    """The same, without a past, where nothing is kept: only calls under way are shared."""
    world = worlds.build(40, **SETTINGS)
    yield await furnished(world)
    await worlds.close(world)


async def furnished(world: World) -> There:
    """What is in a world from its beginning."""
    await world.fill()
    found = There(world)
    places = [(SPACE, f'filter: {{module: {{name: "{name}"}}}}', f"SAMESPACE {name}") for name in MODULES]
    places += [(PX, "", "PACKAGEX"), (SENDER, "", "SMART_SENDER")]
    flat = whole("Contact", 0)
    for source, which, place in places:
        page = await world.data(
            f"{{ contacts(first: 100, sources: [{source.value}] {which}) {{ nodes {PEOPLE} }} "
            f"all: contacts(first: 100, sources: [{source.value}] {which}) {{ nodes {flat} }} }}",
            headers=by(),
        )
        found.all[place] = set(texts(page.pop("all")))
        found.of[place] = {text for text in texts(page) if len(text) > 5}
        found.ids[place] = [node["id"] for node in page["contacts"]["nodes"][:2]]
    more = await world.data(
        "{ groups(first: 2) { nodes { id name email } } modules { id name } "
        "channels(first: 2) { nodes { id name link } } "
        "px: properties(source: PACKAGEX, first: 1) { nodes { id } } "
        'companies: properties(source: SAMESPACE, module: {name: "Companies"}) { nodes { id key label } } '
        "contacts: properties(source: SAMESPACE) { nodes { id key label } } "
        "sm: contacts(first: 20, sources: [SMART_SENDER]) { nodes { tags { id name } "
        "chat { id communications { id } messages(first: 3) { nodes { id text } } } } } }",
        headers=by(),
    )
    found.ids["PACKAGEX"] += [*(each["id"] for each in more["groups"]["nodes"]), more["px"]["nodes"][0]["id"]]
    found.of["PACKAGEX"] |= {text for text in texts(more["groups"]) if len(text) > 5}
    for module in more["modules"]:
        held = more[module["name"].lower()]["nodes"]
        found.ids[f"SAMESPACE {module['name']}"] += [module["id"], held[0]["id"]]
        found.of[f"SAMESPACE {module['name']}"] |= {each["id"] for each in held} | {module["id"]}
    chats = [node["chat"] for node in more["sm"]["nodes"] if node["chat"]]
    found.ids["SMART_SENDER"] += [
        more["channels"]["nodes"][0]["id"],
        chats[0]["id"],
        chats[0]["communications"][0]["id"],
        next(tag["id"] for node in more["sm"]["nodes"] for tag in node["tags"]),
    ]
    found.of["SMART_SENDER"] |= {text for text in texts([more["sm"], more["channels"]]) if len(text) > 5}
    return found


async def happen(found: There) -> None:
    """Write and import in every place; what follows from it is of that place."""
    world = found.world
    for place, listed in list(found.ids.items()):
        contact = listed[0]
        done = await world.ask(
            "mutation ($input: UpdateContactInput!) { updateContact(input: $input) { outcome { status } } }",
            {
                "input": {
                    "id": contact,
                    "contact": {"email": f"{place.lower().replace(' ', '.')}@example.com"},
                }
            },
            headers=by(sub=f"writer of {place}"),
        )
        assert done.data["updateContact"]["outcome"]["status"] == "APPLIED", done.body
        found.of[place] |= {f"{place.lower().replace(' ', '.')}@example.com", f"token:writer of {place}"}
        if place == "SMART_SENDER":
            continue
        source, _, name = place.partition(" ")
        target = {"source": source, **({"module": {"name": name}} if name else {})}
        file = FILE if name != "Companies" else b"Name,Email\nNoor Traders,traders@example.com\n"
        job = await world.load(
            {"targets": [target], "dryRun": place == "PACKAGEX"}, file, headers=by(sub=f"importer to {place}")
        )
        found.ids[place].append(job["job"]["id"])
        found.of[place].add(f"token:importer to {place}")
    log = await world.data(f"{{ events(first: 50) {whole('EventConnection', 1)} }}", headers=by())
    for event in log["events"]["nodes"]:
        place = next(name for name, held in found.of.items() if event["actor"] in held)
        if event["contactId"] is None:  # of a source as a whole, which nobody sees who has a part of it
            place = event["source"]
        found.ids.setdefault(place, []).append(event["id"])
        found.of.setdefault(place, set()).add(event["id"])
    await world.scan()


PLACES = [*Source, *MODULES]


def of(place: str) -> tuple[dict[str, str], str]:
    """A caller who is limited to a place, and how its things are named."""
    if place in MODULES:
        # Sources without modules are not narrowed by them: so this caller is kept to Samespace as well.
        return by(modules=[place], sources=["SAMESPACE"], sub=f"only {place}"), f"SAMESPACE {place}"
    return limited(Source(place)), place


@pytest.mark.parametrize("place", PLACES)
async def test_no_list_holds_anything_of_another_place(there: There, place: str) -> None:
    headers, name = of(place)
    hidden = there.hidden(name)
    assert len(hidden) > 100
    seen: set[str] = set()
    for what, text in LISTS.items():
        full = await there.ask(text, by())  # so that all of it lies in caches
        seen |= set(texts(full.body))
        there.world.forget()
        answer = await there.ask(text, headers)
        assert hidden & set(texts(answer.body)) == set(), what
        told = answer.body["extensions"]["cost"]["perSource"]
        assert set(told) <= {name.partition(" ")[0]}, what
    assert len(hidden & seen) > 100  # what was looked for is there to be found


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_of_another_place_is_read_by_its_id(there: There, place: str) -> None:
    headers, name = of(place)
    hidden = there.hidden(name)
    for id_ in there.foreign(name):
        for what, text in by_id(id_).items():
            await there.ask(text, by(), id_)
            there.world.forget()
            answer = await there.ask(text, headers, id_)
            assert (hidden - {id_}) & set(texts(answer.body)) == set(), (what, ids.decode(id_))
            for value in (answer.data or {}).values():
                assert not (value.get("nodes") if isinstance(value, dict) else value and value[0]), what
            assert set(there.world.calls) <= {name.partition(" ")[0]}, (what, ids.decode(id_))


@pytest.mark.parametrize("place", PLACES)
async def test_a_limited_caller_reads_all_of_their_own(there: There, place: str) -> None:
    headers, name = of(place)
    own = [each for key, listed in there.ids.items() if key.startswith(name) for each in listed]
    assert len(own) > 4
    for id_ in own:
        if ids.decode(id_).type != "Tag":
            answer = await there.ask(by_id(id_)["node"], headers, id_)
            assert answer.codes == []
            assert answer.data["node"] is not None, ids.decode(id_)


@pytest.mark.parametrize("place", PLACES)
async def test_whoever_asks_at_the_same_time_shares_calls_and_no_rights(uncached: There, place: str) -> None:
    headers, name = of(place)
    hidden = uncached.hidden(name)
    shared = 0
    for what in ("contacts", "groups", "modules", "properties of modules", "channels"):
        answers = await asyncio.gather(
            uncached.ask(LISTS[what], by()),
            uncached.ask(LISTS[what], headers),
            uncached.ask(LISTS[what], by(sub="another")),
        )
        assert hidden & set(texts(answers[1].body)) == set(), what
        shared += sum(answer.body["extensions"]["cost"]["cacheHits"] for answer in answers)
    assert shared > 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ["x-explain", "plan"])
async def test_a_plan_tells_of_the_sources_of_its_caller_alone(there: There, place: str, how: str) -> None:
    headers, name = of(place)
    for text in LISTS.values():
        if how == "plan":
            answer = await there.world.ask(f"{{ {text} }}", headers=headers, extensions={"explain": "plan"})
        else:
            answer = await there.ask(text, {**headers, "x-explain": "1"})
        plan = json.dumps(answer.body["extensions"]["plan"])
        others = {source.value for source in Source} - {name.partition(" ")[0]}
        assert not any(f'"source": "{other}"' in plan or f'"{other}": {{' in plan for other in others)
        assert not any(secret in plan for secret in there.hidden(name))


# ---- counts, orders and cursors


COUNTED = [
    "contacts { totalCount }",
    "contacts(orderBy: {field: NAME}) { totalCount }",
    'contacts(filter: {name: "a"}) { totalCount }',
    'contacts(search: "a", orderBy: {field: NAME}) { totalCount }',
]


@pytest.mark.parametrize("text", COUNTED)
async def test_what_a_caller_may_not_read_counts_for_nothing(there: There, text: str) -> None:
    everywhere = (await there.ask(text, by())).data["contacts"]["totalCount"]
    counts = []
    for source in Source:
        narrow = (await there.ask(text, limited(source))).data["contacts"]["totalCount"]
        asked = text.replace("contacts(", f"contacts(sources: [{source.value}], ").replace(
            "contacts {", f"contacts(sources: [{source.value}]) {{"
        )
        assert narrow == (await there.ask(asked, by())).data["contacts"]["totalCount"]
        counts.append(narrow)
    assert sum(counts) == everywhere
    assert all(counts)


async def test_a_cursor_of_a_full_caller_leads_a_limited_one_to_their_own(there: There) -> None:
    for order in ("", ", orderBy: {field: NAME}"):
        page = "contacts(first: 7%s%s) { nodes { source displayName } pageInfo { endCursor hasNextPage } }"
        first = (await there.ask(page % (order, ""), by())).data["contacts"]
        after = f', after: "{first["pageInfo"]["endCursor"]}"'
        for source in Source:
            following = (await there.ask(page % (order, after), limited(source))).data["contacts"]
            assert {node["source"] for node in following["nodes"]} == {source.value}


async def test_a_cursor_of_events_leads_to_ones_own_events(there: There) -> None:
    page = "events(first: 1%s) { nodes { source actor } pageInfo { endCursor hasNextPage } }"
    first = (await there.ask(page % "", by())).data["events"]
    for place in PLACES:
        headers, name = of(place)
        after, found = first["pageInfo"]["endCursor"], []
        while True:
            here = (await there.ask(page % f', after: "{after}"', headers)).data["events"]
            found += here["nodes"]
            after = here["pageInfo"]["endCursor"]
            if not here["pageInfo"]["hasNextPage"]:
                break
        assert {each["source"] for each in found} <= {name.partition(" ")[0]}
        assert not {each["actor"] for each in found} & there.hidden(name)


@pytest.mark.parametrize("wanted", ["[SAMESPACE]", "[SAMESPACE, SMART_SENDER]"])
async def test_events_of_sources_that_are_not_covered_are_none(there: There, wanted: str) -> None:
    answer = await there.ask(
        f"events(filter: {{sources: {wanted}}}) {{ nodes {{ id }} pageInfo {{ hasNextPage startCursor }} }}",
        limited(PX),
    )
    assert answer.data["events"] == {
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None},
    }


# ---- writes

UPDATE = (
    "mutation ($input: UpdateContactsInput!) { it: updateContacts(input: $input) { "
    "contacts { displayName email raw } "
    "outcomes { targetId status code contact { displayName email raw } } userErrors { message code } } }"
)
DELETE = (
    "mutation ($input: DeleteContactsInput!) { it: deleteContacts(input: $input) { deletedIds "
    "outcomes { targetId status code } userErrors { message code } } }"
)


def reading(name: str) -> bool:
    """Whether an operation of a source only reads."""
    return name.startswith(("get", "list", "introspection"))


def written(world: World) -> set[str]:
    return {name for name in world.operations if not all(map(reading, name.split("+")))}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("document", [UPDATE, DELETE], ids=["update", "delete"])
async def test_nothing_of_another_place_is_written(own: There, place: str, document: str) -> None:
    headers, name = of(place)
    own.world.forget()
    for id_ in own.foreign(name):
        if ids.decode(id_).type != "Contact":
            continue
        given = {"ids": [id_], **({"contact": {"email": "taken@example.com"}} if document is UPDATE else {})}
        answer = await own.world.ask(document, {"input": given}, headers=headers)
        payload = answer.data["it"]
        assert payload["userErrors"] or [each["code"] for each in payload["outcomes"]] == ["FORBIDDEN"]
        assert not payload.get("contacts")
        assert not payload.get("deletedIds")
        assert not own.hidden(name) - {id_} & set(texts(answer.body))
    assert written(own.world) == set()


BETWEEN = {"linkContacts", "unlinkContacts"}  # are of two sources here


@pytest.mark.parametrize("name", MUTATION)
async def test_no_mutation_reaches_a_source_that_its_caller_is_not_limited_to(own: There, name: str) -> None:
    people, talk = own.ids["PACKAGEX"], own.ids["SMART_SENDER"]
    known = {"contact": people[0], "group": people[2], "talker": talk[0], "friend": talk[1], "tag": talk[-1]}
    known["other"], known["kin"] = people[1], talk[0]
    known["person"] = ids.encode("Person", "default", "PACKAGEX", ids.decode(people[0]).parts[1])
    known["property"] = own.ids["SAMESPACE Contacts"][-1]
    meant = {"PACKAGEX", "SMART_SENDER", "SAMESPACE"}
    for source in Source:
        own.world.forget()
        answer = await send(own.world, name, known, limited(source))
        reached = {place.value for place, board in own.world.boards.items() if board.requests}
        assert reached <= {source.value}
        kept = name in UNSENT and answer.data["it"] and not answer.data["it"]["userErrors"]
        if not written(own.world) and not kept:
            payload = answer.data["it"] or {}
            assert not any(
                payload.get(shown) for shown in ("contact", "group", "property", "message", "event")
            )
            told = [*texts(payload.get("userErrors")), *texts(payload.get("outcomes")), *answer.codes]
            assert any(each in ("REJECTED", "FORBIDDEN") or "does not cover" in each for each in told)
            meant.discard(source.value)
    assert len(meant) == (0 if name in BETWEEN else 1)  # there is one caller for whom it was carried out


async def test_an_id_that_claims_another_module_opens_and_changes_nothing(own: There) -> None:
    """Ids are no secrets: whoever knows that of a company can make one that says it is a person's."""
    headers, name = of("Contacts")
    hidden = own.hidden(name)
    person, company = (ids.decode(own.ids[f"SAMESPACE {each}"][0]) for each in MODULES)
    assert isinstance(person, ids.GlobalId)
    assert isinstance(company, ids.GlobalId)
    mine = ids.encode("Contact", "default", "SAMESPACE", *person.parts)
    before = await own.ask(
        f"node(id: $id) {{ ... on Contact {PEOPLE} }}", by(), own.ids["SAMESPACE Companies"][0]
    )
    for module in ("", person.parts[0]):
        forged = ids.encode("Contact", "default", "SAMESPACE", module, company.parts[1])
        for what, text in by_id(forged).items():
            answer = await own.ask(text, headers, forged)
            assert hidden & set(texts(answer.body)) == set(), what
        # What claims the same module goes to the source in the same call.
        beside = ids.encode("Contact", "default", "SAMESPACE", module, person.parts[1])
        for listed in ([forged], [mine, forged], [forged, beside], [beside, forged]):
            for document, more in ((UPDATE, {"contact": {"notes": "mine"}}), (DELETE, {})):
                if document is DELETE and len(listed) > 1:
                    continue
                own.world.forget()
                answer = await own.world.ask(document, {"input": {"ids": listed, **more}}, headers=headers)
                payload = answer.data["it"]
                assert hidden & set(texts(answer.body)) == set()
                done = {each["targetId"]: each["status"] for each in payload["outcomes"]}
                assert done.get(forged, "REJECTED") == "REJECTED"
                if not payload["outcomes"]:
                    assert payload["userErrors"]
                    assert written(own.world) == set()
    beside, forged = (
        ids.encode("Contact", "default", "SAMESPACE", "", each.parts[1]) for each in (person, company)
    )
    mixed = await own.world.ask(DELETE, {"input": {"ids": [beside, forged]}}, headers=headers)
    assert mixed.data["it"]["deletedIds"] == [beside]
    after = await own.ask(
        f"node(id: $id) {{ ... on Contact {PEOPLE} }}", by(), own.ids["SAMESPACE Companies"][0]
    )
    assert after.data == before.data
    found = await own.ask(  # nor has the index lost it
        'contacts(first: 100, filter: {module: {name: "Companies"}}, orderBy: {field: NAME}) '
        "{ nodes { sourceId } }",
        by(),
    )
    assert company.parts[1] in {node["sourceId"] for node in found.data["contacts"]["nodes"]}


@pytest.mark.parametrize("field", ["createContact", "importContacts", "createProperty"])
async def test_nothing_is_made_in_another_module(own: There, field: str) -> None:
    headers, _ = of("Contacts")
    for module in ({"name": "Companies"}, {"id": own.ids["SAMESPACE Companies"][2]}):
        own.world.forget()
        target = {"source": "SAMESPACE", "module": module}
        if field == "createContact":
            document = "outcomes { status code } contacts { id }"
            given: Any = {"targets": [target], "contact": {"name": "Noor"}}
        elif field == "createProperty":
            document = "outcome { status code } property { id }"
            given = {**target, "label": "Shoe Size", "type": "TEXT"}
        else:
            document = "job { reports { status code } }"
            given = {"targets": [target], "file": None}
        text = (
            f"mutation ($input: {field[0].upper()}{field[1:]}Input!) {{ "
            f"{field}(input: $input) {{ {document} userErrors {{ message }} }} }}"
        )
        if field == "importContacts":
            answer = await own.world.upload(text, {"input": given}, FILE, headers=headers)
        else:
            answer = await own.world.ask(text, {"input": given}, headers=headers)
        assert "FORBIDDEN" in {*texts(answer.data), *answer.codes}
        assert written(own.world) == set()
        assert not answer.data[field].get("contacts")
        assert not answer.data[field].get("property")


@pytest.mark.parametrize("source", [SPACE, SENDER])
async def test_a_repeat_by_a_narrower_token_of_the_same_name_shows_no_contact(
    own: There, source: Source
) -> None:
    """A repeat is answered as the first call was; what it shows is read by the rights of who repeats."""
    id_ = own.ids["SAMESPACE Contacts" if source is SPACE else source.value][0]
    given = {"input": {"ids": [id_], "contact": {"email": "once@example.com"}, "idempotencyKey": "again"}}
    first = await own.world.ask(UPDATE, given, headers=by(sub="same"))
    assert first.data["it"]["contacts"] != []
    own.world.forget()
    for narrow in (by(sub="same", sources=["PACKAGEX"]), by("write", sub="same")):
        again = await own.world.ask(UPDATE, given, headers=narrow)
        assert again.data["it"]["contacts"] == []
        assert [each["contact"] for each in again.data["it"]["outcomes"]] == [None]
        assert "once@example.com" not in str(again.body)
    assert own.world.calls == {}


async def test_a_key_of_another_caller_repeats_nothing(own: There) -> None:
    given = {"targets": [{"source": "PACKAGEX"}], "contact": {"name": "Noor Aldana"}}
    text = (
        "mutation ($input: CreateContactInput!) { createContact(input: $input) { "
        "outcomes { status } contacts { id } } }"
    )
    made = []
    for sub in ("one", "two"):
        answer = await own.world.ask(
            text, {"input": given}, headers={**by(sub=sub), "idempotency-key": "the same"}
        )
        made.append(answer.data["createContact"]["contacts"][0]["id"])
    assert made[0] != made[1]


async def test_a_confirmation_of_another_caller_is_none(own: There) -> None:
    dry = await own.world.load(
        {"targets": [{"source": "PACKAGEX"}], "dryRun": True}, FILE, headers=by(sub="one")
    )
    token = dry["job"]["confirmation"]
    assert token
    own.world.forget()
    given = {"targets": [{"source": "PACKAGEX", "overwrite": True, "confirmation": token}]}
    payload = await own.world.load(given, FILE, headers=by(sub="two"))
    assert payload["job"] is None
    assert [error["field"][-1] for error in payload["userErrors"]] == ["confirmation"]
    assert written(own.world) == set()


async def test_an_import_into_two_sources_shows_each_caller_their_part(own: There) -> None:
    both = {"targets": [{"source": "SAMESPACE"}, {"source": "PACKAGEX"}], "dryRun": True}
    job = (await own.world.load(both, FILE, headers=by()))["job"]["id"]
    text = "importJob(id: $id) { reports { source rows { status } } }"
    for place, sources in (
        ("Contacts", ["SAMESPACE"]),
        ("PACKAGEX", ["PACKAGEX"]),
        ("SAMESPACE", ["SAMESPACE"]),
    ):
        answer = await own.ask(text, of(place)[0], job)
        assert [each["source"] for each in answer.data["importJob"]["reports"]] == sources
    for place in ("Companies", "SMART_SENDER"):
        answer = await own.ask(text, of(place)[0], job)
        assert (answer.data, answer.codes) == ({"importJob": None}, ["FORBIDDEN"])

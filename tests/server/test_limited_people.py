"""People of callers who may not read everything: as if the rest were not there.

What is hidden lies in a source that is not covered, or in a module of one that is.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.model import ids
from gateway.model.source import Source
from tests.server.test_rights import SETTINGS, by
from tests.support import world as worlds
from tests.support.people import EVERYBODY, PERSON, ask_for, people, person, records, together
from tests.support.records import BEGAN, PX, SENDER, SPACE, deleted, made
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")  # most tests share a world, which they only read

EVERYTHING = (
    "id displayName firstName lastName company address { city } emails phones "
    "members { confidence contact { id source displayName email phone raw events { nodes { payload } } } "
    "reasons { rule left right normalisedAs } } "
    "provenance { field chosen rule conflicting candidates { source contact value asOf } } "
    "suggestions(first: 20) { score reasons contact { id displayName email phone } }"
)
ALL = f"{{ people(first: 60) {{ nodes {{ {EVERYTHING} }} sources {{ source status returned }} }} }}"
DRIFT = f"{{ drift(first: 60) {{ nodes {{ {EVERYTHING} }} sources {{ source returned }} }} }}"
CONFLICTS = "{ identityConflicts(first: 100) { nodes { id reason contacts { id displayName } } } }"
SAY = "mutation ($input: LinkContactsInput!) { %s(input: $input) { people { id } userErrors { message } } }"
EVENTS = "{ events(first: 100) { nodes { type contactId payload } } }"


class Scene:
    """A world with one hidden house, and the same stories in each. `hidden` are records that lie there."""

    def __init__(self, world: World, home: dict[str, Any], caller: dict[str, str]) -> None:
        self.world = world
        self.home = home
        self.caller = caller
        self.hidden: list[str] = []
        self.of: dict[str, list[str]] = {}

    def hide(self, name: str, **values: Any) -> str:
        """A hidden record."""
        self.hidden.append(made(self.world, SPACE, name, **self.home, **values))
        return self.hidden[-1]

    def tell(self) -> None:
        """Put all stories there: those of `of` are what the caller sees, each a list of people."""
        world, mail = self.world, "@seen.example.com"

        def seen(story: str, *some: tuple[Source, str, dict[str, Any]]) -> None:
            self.of[story] = [made(world, source, name, **values) for source, name, values in some]

        self.hide("Ada Secretname", email=f"bridge{mail}", phone="+12025550171", created=BEGAN - 50)
        seen(
            "bridge",
            (PX, "Ada Secretname", {"email": f"bridge{mail}"}),
            (SENDER, "Ada Secretname", {"phone": "+12025550171"}),
        )
        self.hide("Emilia Hiddenname", email=f"emil{mail}", phone="+12025550172", created=BEGAN - 40)
        seen(
            "one",
            (PX, "Emilia Hiddenname", {"email": f"emil{mail}", "phone": "+12025550173"}),
            (SENDER, "Emilia Hiddenname", {"email": f"emil{mail}", "phone": "+12025550173"}),
        )
        self.hide("Otto Contradict", email=f"clash{mail}", phone="+12025550174")
        seen(
            "clash",
            (PX, "Nora Lindqvist", {"email": f"clash{mail}", "phone": "+12025550175"}),
            (SENDER, "Nora Lindqvist", {"email": f"clash{mail}", "phone": "+12025550176"}),
        )
        for _ in range(6):
            self.hide("Max Crowded", email=f"crowd{mail}")
        seen(
            "crowd",
            (PX, "Max Crowded", {"email": f"crowd{mail}"}),
            (SENDER, "Max Crowded", {"email": f"crowd{mail}"}),
        )
        self.hide("Rosa Lookalike", email="rosa.hidden@example.com")
        seen("alike", (PX, "Rosa Lookalike", {"email": f"rosa{mail}"}))
        seen(
            "linked",
            (PX, "Piet Byhand", {"email": f"piet.one{mail}"}),
            (SENDER, "Piet Byhand", {"email": f"piet.two{mail}"}),
        )
        self.link = self.hide("Piet Byhand", email="piet.hidden@example.com")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["source", "module"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    found = await told(request.param)
    yield found
    await worlds.close(found.world)


@pytest_asyncio.fixture(loop_scope="module", params=["source", "module"])
async def own(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The same for a test that changes it."""
    found = await told(request.param)
    yield found
    await worlds.close(found.world)


async def told(where: str) -> Scene:
    if where == "source":
        found = Scene(worlds.build(0, **SETTINGS), {}, by(sources=["PACKAGEX", "SMART_SENDER"], sub="narrow"))
    else:
        world = worlds.build(0, **SETTINGS, GATEWAY_IDENTITY_MODULES="*")
        found = Scene(world, {"module": "Companies"}, by(modules=["Contacts"], sub="narrow"))
    found.tell()
    await found.world.scan()
    for contact in found.of["linked"]:
        given = {"contacts": [found.link, contact], "reason": "They said so."}
        done = await found.world.data(SAY % "linkContacts", {"input": given}, headers=by(sub="linker"))
        assert done["linkContacts"]["userErrors"] == []
    found.world.forget()
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


async def test_people_are_built_out_of_what_is_seen_alone(scene: Scene) -> None:
    seen = scene.of
    assert together(await people(scene.world, headers=scene.caller)) == {
        *(frozenset([each]) for each in seen["bridge"]),  # a hidden record joins nobody
        frozenset(seen["one"]),
        frozenset(seen["clash"]),  # nor does it keep anybody apart
        frozenset(seen["crowd"]),
        frozenset(seen["alike"]),
        *(frozenset([each]) for each in seen["linked"]),
    }
    whole = together(await people(scene.world, headers=by()))
    for story in ("bridge", "one", "linked"):  # for those who see it, it does
        assert any(set(seen[story]) < each for each in whole)
    assert not any(set(seen["crowd"]) <= each for each in whole)


async def test_nothing_that_is_hidden_shows_anywhere(scene: Scene) -> None:
    secret = {*scene.hidden, *(ids.decode(each).parts[-1] for each in scene.hidden)}  # type: ignore[union-attr]
    secret |= {"rosa.hidden@example.com", "piet.hidden@example.com", "+12025550172", "+12025550174"}
    for query in (ALL, DRIFT, CONFLICTS, EVENTS):
        whole = await scene.world.ask(query, headers=by())
        assert secret & set(texts(whole.body)) or query is DRIFT, query
        answer = await scene.world.ask(query, headers=scene.caller)
        assert answer.errors == []
        shown = list(texts(answer.body))
        assert secret & set(shown) == set(), query
        assert not any("Otto Contradict" in text for text in shown)
    page = (await scene.world.data(ALL, headers=scene.caller))["people"]
    named = {each["id"] for each in page["nodes"]}
    visible = {id_ for held in scene.of.values() for id_ in held}
    assert {ids.decode(each).parts[-1] for each in named} <= {  # type: ignore[union-attr]
        ids.decode(each).parts[-1]
        for each in visible  # type: ignore[union-attr]
    }
    counted = {each["source"]: each["returned"] for each in page["sources"]}
    assert counted["PACKAGEX"] == 6
    assert counted["SMART_SENDER"] == 5
    assert counted["SAMESPACE"] == 0


async def test_what_only_hidden_records_hold_finds_nobody(scene: Scene) -> None:
    for way in ({"email": "rosa.hidden@example.com"}, {"phone": "+12025550172"}):
        assert await person(scene.world, headers=by(), **way) is not None
        assert await person(scene.world, headers=scene.caller, **way) is None


async def test_a_search_finds_nobody_by_what_is_hidden(scene: Scene) -> None:
    for search, count in (("rosa.hidden", 0), ("Contradict", 0), ("Hiddenname", 1), ("555017", 3)):
        found = await people(scene.world, search=search, headers=scene.caller)
        assert len(found) == count, search
        assert await people(scene.world, search=search, headers=by())
        assert set(scene.hidden).isdisjoint(id_ for each in found for id_ in records(each))


async def test_an_e_mail_that_a_hidden_record_holds_too_names_who_is_seen(scene: Scene) -> None:
    answer = await ask_for(scene.world, headers=by(), email="clash@seen.example.com")
    assert answer.data["person"] is None
    assert len(answer.warnings) == 1
    found = await person(scene.world, headers=scene.caller, email="clash@seen.example.com")
    assert set(records(found)) == set(scene.of["clash"])


async def test_whose_records_differ_from_hidden_ones_only_does_not_drift(scene: Scene) -> None:
    (node,) = (
        each
        for each in (await scene.world.data(DRIFT, headers=by()))["drift"]["nodes"]
        if set(scene.of["one"]) < set(records(each))
    )
    assert node
    narrow = (await scene.world.data(DRIFT, headers=scene.caller))["drift"]["nodes"]
    assert {frozenset(records(each)) for each in narrow} == {frozenset(scene.of["clash"])}
    for each in narrow:
        assert {one["source"] for told in each["provenance"] for one in told["candidates"]} <= {
            "PACKAGEX",
            "SMART_SENDER",
        }


async def test_there_are_no_conflicts_with_what_is_hidden(scene: Scene) -> None:
    whole = (await scene.world.data(CONFLICTS, headers=by()))["identityConflicts"]["nodes"]
    assert len(whole) == 1
    assert (await scene.world.data(CONFLICTS, headers=scene.caller))["identityConflicts"]["nodes"] == []


async def test_ids_of_what_is_hidden_lead_nowhere(scene: Scene) -> None:
    for contact in scene.hidden:
        named: Any = ids.decode(contact)
        hidden = ids.encode("Person", "default", "SAMESPACE", named.parts[-1])
        for way in ({"contact": contact}, {"id": hidden}):
            answer = await ask_for(scene.world, headers=scene.caller, **way)
            assert answer.data == {"person": None}
            assert set(answer.codes) <= {"FORBIDDEN"}
        for query in (
            f"query ($id: ID!) {{ node(id: $id) {{ ... on Person {PERSON} }} }}",
            'query ($id: ID!) { it: _entities(representations: [{ __typename: "Person", id: $id }]) '
            f"{{ ... on Person {PERSON} }} }}",
        ):
            answer = await scene.world.ask(query, {"id": hidden}, headers=scene.caller)
            assert not any(answer.data.values()) or answer.data == {"it": [None]}


async def test_a_cursor_of_somebody_who_sees_more_leads_to_ones_own_people(scene: Scene) -> None:
    page = (await scene.world.data(EVERYBODY, {"first": 3}, headers=by()))["people"]
    asked = {"first": 100, "after": page["pageInfo"]["endCursor"]}
    rest = (await scene.world.data(EVERYBODY, asked, headers=scene.caller))["people"]["nodes"]
    own = await people(scene.world, headers=scene.caller)
    assert [each["id"] for each in rest] == [each["id"] for each in own][-len(rest) :]
    assert await people(scene.world, 1, headers=scene.caller) == own


async def test_events_name_no_record_that_is_hidden(scene: Scene) -> None:
    whole = (await scene.world.data(EVENTS, headers=by()))["events"]["nodes"]
    assert any(scene.link in each["payload"]["contacts"] for each in whole)
    narrow = (await scene.world.data(EVENTS, headers=scene.caller))["events"]["nodes"]
    assert narrow == []  # who sees one of the two reads nothing of a link


async def test_an_id_stays_for_those_who_do_not_see_the_oldest_record(own: Scene) -> None:
    first, second = own.of["one"]
    found = await person(own.world, headers=own.caller, contact=second)
    assert found is not None
    deleted(own.world, first)
    await own.world.scan()
    for way in ({"id": found["id"]}, {"contact": second}, {"email": "emil@seen.example.com"}):
        again = await person(own.world, headers=own.caller, **way)
        assert again is not None
        assert (again["id"], records(again)) == (found["id"], [second])
    assert again["id"] in {each["id"] for each in await people(own.world, headers=own.caller)}


async def test_who_was_joined_by_a_hidden_record_only_is_no_heir(own: Scene) -> None:
    first, second = own.of["bridge"]
    found = await person(own.world, headers=own.caller, contact=first)
    whole = await person(own.world, headers=by(), contact=first)
    assert found is not None
    assert whole is not None
    deleted(own.world, first)
    await own.world.scan()
    assert await person(own.world, headers=own.caller, id=found["id"]) is None
    assert second in records(await person(own.world, headers=by(), id=found["id"]))
    other = await person(own.world, headers=own.caller, contact=second)
    assert other is not None
    assert other["id"] != found["id"]


async def test_a_hidden_record_that_is_gone_leads_to_nobody(own: Scene) -> None:
    hidden = own.hidden[1]
    named: Any = ids.decode(hidden)
    id_ = ids.encode("Person", "default", "SAMESPACE", named.parts[-1])
    deleted(own.world, hidden)
    await own.world.scan()
    assert set(records(await person(own.world, headers=by(), id=id_))) == set(own.of["one"])
    answer = await ask_for(own.world, headers=own.caller, id=id_)
    assert answer.data == {"person": None}
    found = await person(own.world, headers=own.caller, contact=own.of["one"][0])
    assert found is not None
    assert found["id"] != id_

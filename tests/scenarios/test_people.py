"""Who is one person, whichever way they are looked for, and what keeps records apart."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from gateway.model import ids
from gateway.model.source import Source
from gateway.upstreams.packagex.emulator_ids import CONTACT_IDS
from gateway.upstreams.people import Population
from gateway.upstreams.samespace.seed import CONTACTS, people_seeds
from gateway.upstreams.smartsender.seed import contact_id
from tests.support import world as worlds
from tests.support.people import ask_for, people, person, records, together
from tests.support.records import PX, SENDER, SPACE, made
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")  # most tests share a world, which they only read

CONFLICTS = (
    "{ identityConflicts(first: 100) { nodes { id reason contacts { id } } pageInfo { hasNextPage } } }"
)
SUGGESTED = "suggestions(first: 20) { score reasons contact { id displayName } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[World]:
    """The people of the sandbox, indexed."""
    world = worlds.build(Population().size)
    await world.scan()
    yield world
    await worlds.close(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def odd() -> AsyncIterator["Odd"]:
    """A world of records that do and do not belong together."""
    world = worlds.build(0)
    found = Odd(world)
    await world.scan()
    yield found
    await worlds.close(world)


class Odd:
    """Stories of a few records each, by name: the ids of the records, in the order in which they were made."""

    def __init__(self, world: World) -> None:
        self.world = world
        mail = "@odd.example.com"
        self.of: dict[str, list[str]] = {
            # one person
            "case and space": self.put((SPACE, {"email": f"Tess{mail}"}), (PX, {"email": f" tESS{mail} "})),
            "domain": self.put(
                (SPACE, {"email": "ben@bücher.example"}), (PX, {"email": "Ben@xn--bcher-kva.example"})
            ),
            "accents": self.put((PX, {"email": f"Zoe\u0308{mail}"}), (SENDER, {"email": f"ZOË{mail}"})),
            "forms of a phone": self.put(
                (SPACE, {"phone": "12025550142"}),
                (PX, {"phone": "(202) 555-0142"}),
                (SENDER, {"phone": "+12025550142"}),
            ),
            "a country": self.put(
                (PX, {"phone": "020 7946 0958", "properties": {"country": "GB"}}),
                (SENDER, {"phone": "+442079460958"}),
            ),
            "a chain": self.put(
                (SPACE, {"email": f"kim{mail}"}),
                (PX, {"email": f"KIM{mail}", "phone": "+12025550143"}),
                (SENDER, {"phone": "+12025550143"}),
            ),
            "two of one source": self.put((PX, {"email": f"max{mail}"}), (PX, {"email": f"max{mail}"})),
            # more than one
            "role": self.put((SPACE, {"email": f"info{mail}"}), (PX, {"email": f"Info{mail}"})),
            "tagged role": self.put(
                (SPACE, {"email": f"sales+eu{mail}"}), (PX, {"email": f"sales+eu{mail}"})
            ),
            "placeholder": self.put((SPACE, {"phone": "+12025555555"}), (PX, {"phone": "+12025555555"})),
            "row": self.put((SPACE, {"phone": "+4930123456789"}), (PX, {"phone": "+4930123456789"})),
            "falling row": self.put((SPACE, {"phone": "+4930987654321"}), (PX, {"phone": "+4930987654321"})),
            "one role": self.put((SPACE, {"email": f"office{mail}"})),
            "no e-mail": self.put((SPACE, {"email": "unknown"}), (PX, {"email": "unknown"})),
            "names": self.put((SPACE, {"company": "Lumen"}), (PX, {}), (SENDER, {})),
            "crowd": self.put(
                *((PX, {"email": f"all{mail}"}) for _ in range(6)), (SPACE, {"email": f"all{mail}"})
            ),
            "plus": self.put((PX, {"email": "rae+x@gmail.com"}), (SPACE, {"email": "r.ae@gmail.com"})),
        }
        self.apart: dict[str, list[str]] = {
            "a house": self.put(
                (SPACE, {"email": f"house{mail}", "name": "Ada Byron", "phone": "+12025550144"}),
                (PX, {"email": f"house{mail}", "name": "Otto Lindqvist", "phone": "+12025550145"}),
            ),
            "a family": self.put(
                (SPACE, {"email": f"family{mail}", "name": "Greta Sandvik"}),
                (PX, {"email": f"family{mail}", "name": "Nils Sandvik"}),
            ),
            "a line": self.put(
                (SPACE, {"phone": "+12025550146", "name": "Rosa Aldana"}),
                (PX, {"phone": "+12025550146", "name": "Piet Vandersloot"}),
            ),
        }

    def put(self, *some: tuple[Source, dict[str, Any]]) -> list[str]:
        """Records of one name, which nobody else has."""
        name = next(NAMES)
        return [made(self.world, source, **{"name": name, **values}) for source, values in some]


NAMES = (f"Quim {'abcdefghijklmnopqrstuvwxyz'[number] * 5}en" for number in count())
ONE = ("case and space", "domain", "accents", "forms of a phone", "a country", "a chain", "two of one source")


def truth(population: Population) -> dict[str, int]:
    """The number of the person behind each record of the sandbox."""
    seeds = people_seeds(population)
    space = ((CONTACTS, seeds.make(n)[0], n) for n in population.living_in("samespace"))
    sender = ((contact_id(place), n) for place, n in enumerate(population.living_in("smartsender")))
    return {
        **{ids.encode("Contact", "default", "SAMESPACE", *parts): n for *parts, n in space},
        **{
            ids.encode("Contact", "default", "PACKAGEX", "", CONTACT_IDS.id(n)): n
            for n in population.living_in("packagex")
        },
        **{ids.encode("Contact", "default", "SMART_SENDER", "", str(id_)): n for id_, n in sender},
    }


# ---- the sandbox


async def test_everybody_of_the_sandbox_is_one_person_and_nobody_is_missing(sandbox: World) -> None:
    of = truth(Population())
    found = await people(sandbox)
    assert len(found) == 240
    assert [each["members"] for each in found if len({of[id_] for id_ in records(each)}) > 1] == []
    assert sorted(id_ for each in found for id_ in records(each)) == sorted(of)
    assert len({of[id_] for each in found for id_ in records(each)}) == 240
    assert (await sandbox.data(CONFLICTS))["identityConflicts"]["nodes"] == []


async def test_every_record_of_a_person_says_what_it_has_in_common(sandbox: World) -> None:
    for each in await people(sandbox):
        alone = len(each["members"]) == 1
        for member in each["members"]:
            assert bool(member["reasons"]) is not alone
            assert (member["confidence"] == 1) is alone
            assert member["confidence"] >= 0.9
            for reason in member["reasons"]:
                assert reason["rule"] in {"SAME_EMAIL", "SAME_PHONE"}
                shown = each["emails"] if reason["rule"] == "SAME_EMAIL" else each["phones"]
                assert reason["normalisedAs"] in shown


async def test_the_same_person_is_found_from_wherever_one_begins(sandbox: World) -> None:
    several = [each for each in await people(sandbox) if len(each["members"]) > 1]
    assert len(several) == 95
    for each in several[::6]:
        ways: list[dict[str, str]] = [{"id": each["id"]}]
        ways += [{"contact": id_} for id_ in records(each)]
        for email in each["emails"]:
            ways += [{"email": email}, {"email": email.upper()}, {"email": f"  {email.title()} "}]
        for phone in each["phones"]:
            ways += [
                {"phone": phone},
                {"phone": phone[1:]},
                {"phone": f"{phone[:2]} {phone[2:5]}/{phone[5:]}"},
            ]
            if phone.startswith("+1"):
                ways += [{"phone": f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}"}]
        if any(same.startswith("accounts@") for same in each["emails"]):
            ways = [way for way in ways if not way.get("email", "").strip().lower().startswith("accounts@")]
        for way in ways:
            assert await person(sandbox, **way) == each, way
    assert sandbox.calls == {}


async def test_who_is_in_one_source_only_is_a_person_too(sandbox: World) -> None:
    alone = next(each for each in await people(sandbox) if len(each["members"]) == 1 and each["emails"])
    assert alone["members"][0]["reasons"] == []
    assert await person(sandbox, email=alone["emails"][0]) == alone


async def test_nobody_is_found_by_what_nobody_holds(sandbox: World) -> None:
    nobody = ids.encode("Person", "default", "PACKAGEX", "contact_0000")
    assert await person(sandbox, email="nobody.at.all@example.com") is None
    assert await person(sandbox, phone="+14155550000") is None
    assert await person(sandbox, id=nobody) is None
    assert (
        await person(sandbox, contact=ids.encode("Contact", "default", "PACKAGEX", "", "contact_0000"))
        is None
    )


@pytest.mark.parametrize("by", [{"email": " "}, {"phone": "twelve"}, {"phone": ""}, {"email": "a\x00b"}])
async def test_what_cannot_be_looked_for_is_refused(sandbox: World, by: dict[str, str]) -> None:
    answer = await ask_for(sandbox, **by)
    assert (answer.data, answer.codes) == ({"person": None}, ["BAD_USER_INPUT"])


# ---- what joins, and what does not


@pytest.mark.parametrize("story", ONE)
async def test_what_is_the_same_after_normalisation_joins(odd: Odd, story: str) -> None:
    held = odd.of[story]
    for contact in held:
        found = await person(odd.world, contact=contact)
        assert found is not None
        assert sorted(records(found)) == sorted(held)
        for key in ("email", "phone"):
            for value in found[f"{key}s"]:
                assert await person(odd.world, **{key: value}) == found


async def test_everything_else_stays_apart(odd: Odd) -> None:
    expected = {
        *(frozenset(odd.of[story]) for story in ONE),
        *(frozenset([id_]) for story, held in odd.of.items() if story not in ONE for id_ in held),
        *(frozenset([id_]) for held in odd.apart.values() for id_ in held),
    }
    assert together(await people(odd.world)) == expected


@pytest.mark.parametrize(
    "by",
    [
        {"email": "INFO@odd.example.com"},
        {"email": "all@odd.example.com"},
        {"email": "house@odd.example.com"},
        {"phone": "+12025555555"},
        {"phone": "+12025550146"},
    ],
)
async def test_what_several_people_hold_names_none_of_them(odd: Odd, by: dict[str, str]) -> None:
    answer = await ask_for(odd.world, **by)
    assert (answer.data, answer.errors) == ({"person": None}, [])
    (warning,) = answer.warnings
    assert (warning["code"], warning["path"]) == ("BAD_USER_INPUT", ["person"])
    assert "people hold this" in warning["message"]


async def test_a_mailbox_of_a_role_leads_to_the_one_record_that_holds_it(odd: Odd) -> None:
    assert records(await person(odd.world, email="Office@odd.example.com")) == odd.of["one role"]


@pytest.mark.parametrize("story", ["a house", "a family", "a line"])
async def test_what_contradicts_is_listed_and_nobody_is_joined(odd: Odd, story: str) -> None:
    page = (await odd.world.data(CONFLICTS))["identityConflicts"]
    held = odd.apart[story]
    (conflict,) = (
        each for each in page["nodes"] if {contact["id"] for contact in each["contacts"]} == set(held)
    )
    assert conflict["reason"].startswith("They share the ")
    for contact in held:
        found = await person(odd.world, contact=contact)
        assert records(found) == [contact]


async def test_nothing_but_contradictions_is_a_conflict(odd: Odd) -> None:
    page = (await odd.world.data(CONFLICTS))["identityConflicts"]
    told = {frozenset(contact["id"] for contact in each["contacts"]) for each in page["nodes"]}
    assert told == {frozenset(held) for held in odd.apart.values()}
    assert len({each["id"] for each in page["nodes"]}) == len(page["nodes"]) == 3


async def test_too_many_records_that_hang_together_are_a_conflict_and_nobody_is_joined() -> None:
    world = worlds.build(0)
    held = [
        made(world, PX, "Ada Quux", email=f"a{(n + 1) // 2}@example.com", phone=f"+1202555{n // 2:04d}")
        for n in range(205)
    ]
    other = [made(world, source, "Otto Byron", email="otto@example.com") for source in (PX, SENDER)]
    await world.scan()
    (conflict,) = (await world.data(CONFLICTS))["identityConflicts"]["nodes"]
    assert "More than 200 records" in conflict["reason"]
    assert {contact["id"] for contact in conflict["contacts"]} < set(held)
    found = await people(world)
    assert len(found) == 206
    assert frozenset(other) in together(found)
    await worlds.close(world)


async def test_names_alone_are_a_suggestion_that_nothing_is_built_on(odd: Odd) -> None:
    first, second, third = odd.of["names"]
    asked = f"query ($id: ID!) {{ person(by: {{ contact: $id }}) {{ displayName {SUGGESTED} members {{ contact {{ id }} }} }} }}"
    found = (await odd.world.data(asked, {"id": first}))["person"]
    assert [each["contact"]["id"] for each in found["members"]] == [first]
    alike = {each["contact"]["id"]: each for each in found["suggestions"]}
    assert set(alike) >= {second, third}
    for each in alike.values():
        assert 0 < each["score"] <= 1
        assert each["reasons"][0].startswith("Names alike: ")
        assert first != each["contact"]["id"]
    again = (await odd.world.data(asked, {"id": second}))["person"]
    assert [each["contact"]["id"] for each in again["members"]] == [second]

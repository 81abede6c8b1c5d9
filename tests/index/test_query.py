"""A filter, a search and an order find in the index what they find when every contact is looked at."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.rules import Rules
from gateway.index import query
from gateway.index.people import EVERYTHING
from gateway.index.query import Question
from gateway.index.rows import as_text, instant, row_of
from gateway.index.store import SqliteStore, Stored
from gateway.model.contact import Contact, ContactKey
from gateway.model.filter import Filter, Order, OrderField, PropertyCondition
from gateway.model.source import Source
from gateway.model.text import e164, folded, same_email
from tests.index.test_rows import contact, held

ACCOUNT = "default"
THOROUGH = settings(deadline=None, max_examples=80)


class Shelf:
    """An index with the contacts that a test puts into it."""

    def __init__(self) -> None:
        self.store = SqliteStore(None)

    async def put(self, *contacts: Contact, account: str = ACCOUNT) -> None:
        await self.store.put(
            account, [row_of(each, place, Rules()) for place, each in enumerate(contacts)], 1
        )

    async def find(
        self,
        *,
        search: str | None = None,
        source: Source = Source.PACKAGEX,
        module: str = "",
        account: str = ACCOUNT,
        **conditions: Any,
    ) -> list[str]:
        """The ids that fit, in the order of the index; `count` has to say the same."""
        question = Question(
            account=account,
            source=source.value,
            module=module,
            search=search,
            filter=Filter(**conditions) if conditions else None,
        )
        rows = await self.store.after_rowid(question, 0, 1_000)
        assert await self.store.count([question]) == len(rows)
        return [each.id for each in rows]

    async def ordered(
        self,
        field: OrderField,
        *,
        descending: bool = False,
        sources: Iterable[Source] = (Source.PACKAGEX,),
        size: int = 1_000,
        **conditions: Any,
    ) -> list[Stored]:
        """All rows in a sort order, read in pages of this size."""
        wanted = Filter(**conditions) if conditions else None
        questions = [
            Question(account=ACCOUNT, source=source.value, module="", filter=wanted) for source in sources
        ]
        order = Order(field=field, descending=descending)
        found: list[Stored] = []
        after: tuple[Any, int] | None = None
        while True:
            page = await self.store.after_key(questions, order, after, size)
            assert len(page) <= size
            found += page
            if len(page) < size:
                return found
            after = (page[-1].sort, page[-1].rowid)


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    made = Shelf()
    yield made
    await made.store.aclose()


def named(vendor_id: str, name: str, **more: Any) -> Contact:
    first, _, last = name.partition(" ")
    return contact(vendor_id, displayName=name, firstName=first or None, lastName=last or None, **more)


def owning(vendor_id: str, **values: Any) -> Contact:
    return contact(vendor_id, _properties=[held(key, value) for key, value in values.items()])


# ---- names, and the search


async def test_a_part_of_a_name_is_found_whatever_its_case_and_accents(shelf: Shelf) -> None:
    await shelf.put(named("zoe", "Zoë MÜLLER"), named("ann", "Ann Lee"), named("o", "Siobhán O’Donnell"))
    assert await shelf.find(name="muller") == ["zoe"]
    assert await shelf.find(name="  ZOË  mü") == ["zoe"]
    assert await shelf.find(first_name="zoe") == ["zoe"]
    assert await shelf.find(last_name="zoe") == []
    assert await shelf.find(last_name="o'donnell") == ["o"]
    assert await shelf.find(name="n") == ["ann", "o"]
    assert await shelf.find(name="nn") == ["ann", "o"]


async def test_one_column_is_not_taken_for_another(shelf: Shelf) -> None:
    await shelf.put(named("a", "Ann Lee", company="Acme"), named("b", "Acme Ann", company="Lee"))
    assert await shelf.find(company="acme") == ["a"]
    assert await shelf.find(name="acme") == ["b"]
    assert await shelf.find(first_name="acme") == ["b"]
    assert await shelf.find(company="ee") == ["b"]


async def test_words_of_a_search_may_stand_in_different_places(shelf: Shelf) -> None:
    await shelf.put(
        named("a", "Ann Lee", company="Acme", emails=["ann@example.com"], phones=["(202) 555-0123"]),
        named("b", "Ann Kim", company="Other", emails=["b@example.com"], phones=["+442025550123"]),
    )
    assert await shelf.find(search="ann") == ["a", "b"]
    assert await shelf.find(search="acme lee ann@") == ["a"]
    assert await shelf.find(search="LEE acme kim") == []
    assert await shelf.find(search="2025550123") == ["a", "b"]
    assert await shelf.find(search="(202) 0123") == ["a"]
    assert await shelf.find(search="+44") == ["b"]


async def test_a_search_and_a_filter_both_have_to_hold(shelf: Shelf) -> None:
    await shelf.put(named("a", "Ann Lee"), named("b", "Ann Kim"))
    assert await shelf.find(search="ann", last_name="kim") == ["b"]
    assert await shelf.find(search="lee", last_name="kim") == []


SPECIAL = [
    '"',
    '""',
    "'",
    "''",
    "%",
    "_",
    "*",
    "^",
    "\\",
    "(",
    ")",
    ":",
    "-",
    "+",
    "{",
    "}",
    "?",
    ";",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    'a"b',
    'abc"def',
    "abc*",
    "abc%",
    "a_c",
    "text : abc",
    "abc OR def",
    '"abc" OR "def"',
    "NEAR(abc def)",
    "abc NOT def",
    "'); DROP TABLE contact; --",
    "--",
    "/*abc*/",
    "name:abc",
    "🙂",
    "🙂🙂🙂",
    "田中",
    "田中太郎",
    "ﬁre",
]


@pytest.mark.parametrize("text", SPECIAL)
async def test_signs_that_mean_something_elsewhere_mean_themselves(shelf: Shelf, text: str) -> None:
    await shelf.put(
        named("with", f"x{text}y"),
        named("without", "abcdef a0c abc def"),
        contact("company", company=f"{text}!"),
    )
    without = folded(text) in folded("abcdef a0c abc def")
    assert await shelf.find(name=text) == (["with", "without"] if without else ["with"])
    assert await shelf.find(company=text) == ["company"]
    assert "with" in await shelf.find(search=text)
    everything = await shelf.find()
    assert everything == ["with", "without", "company"]


# ---- keys


async def test_any_email_of_a_contact_is_found_whole_only(shelf: Shelf) -> None:
    await shelf.put(contact("a", emails=["Ann@Example.com", "second@example.com"]), contact("b"))
    assert await shelf.find(email="ann@example.com") == ["a"]
    assert await shelf.find(email="second@example.com") == ["a"]
    assert await shelf.find(email="example.com") == []
    assert await shelf.find(email="%") == []


async def test_any_phone_of_a_contact_is_found_in_its_international_form(shelf: Shelf) -> None:
    await shelf.put(contact("a", phones=["(202) 555-0123", "+44 7700 900123"]), contact("b"))
    assert await shelf.find(phone="+12025550123") == ["a"]
    assert await shelf.find(phone="+447700900123") == ["a"]
    assert await shelf.find(phone="2025550123") == []


async def test_a_tag_is_found_by_its_whole_id(shelf: Shelf) -> None:
    tags = [{"id": "x", "sourceId": each, "name": None, "color": None} for each in ("7", "77")]
    await shelf.put(contact("a", tags=tags), contact("b", tags=tags[1:]))
    assert await shelf.find(tag="7") == ["a"]
    assert await shelf.find(tag="77") == ["a", "b"]
    assert await shelf.find(tag="") == []


async def test_an_email_is_not_taken_for_a_tag(shelf: Shelf) -> None:
    await shelf.put(contact("a", emails=["7"]))
    assert await shelf.find(tag="7") == []


async def test_members_are_those_named_and_nobody_when_none_is(shelf: Shelf) -> None:
    await shelf.put(contact("a"), contact("b"), contact("c"))
    assert await shelf.find(members=("c", "a", "nobody")) == ["a", "c"]
    assert await shelf.find(members=()) == []


async def test_a_group_may_have_thousands_of_members(shelf: Shelf) -> None:
    await shelf.put(contact("a"), contact("c9999"))
    assert await shelf.find(members=tuple(f"c{number}" for number in range(10_000))) == ["c9999"]


# ---- times


async def test_after_means_from_then_on_and_before_means_not_then_any_more(shelf: Shelf) -> None:
    stamps = ["2025-03-04T09:15:27Z", "2025-03-04T09:15:27.500Z", "2025-03-04T11:15:28+02:00", None]
    await shelf.put(
        *(contact(str(place), createdAt=stamp, updatedAt=stamp) for place, stamp in enumerate(stamps))
    )
    middle = instant("2025-03-04T09:15:27.500Z")
    for field in ("created", "updated"):
        assert await shelf.find(**{f"{field}_after": middle}) == ["1", "2"]
        assert await shelf.find(**{f"{field}_before": middle}) == ["0"]
        assert await shelf.find(**{f"{field}_after": middle, f"{field}_before": middle}) == []


# ---- properties


@pytest.mark.parametrize(
    "key",
    ["plain", "a.b", "$", "$.a", "a[0]", 'a"b', "a'b", "é", "a b", "%", "", "a\\b", "🙂", "KEY", "null"],
)
async def test_odd_keys_of_properties_are_keys_like_any_other(shelf: Shelf, key: str) -> None:
    await shelf.put(
        contact("with", _properties=[held(key, "Value")]),
        contact("other", _properties=[held("x" + key, "Value")]),
    )
    assert await shelf.find(properties=(PropertyCondition(key=key, equals=("Value",)),)) == ["with"]
    assert await shelf.find(properties=(PropertyCondition(key=key, contains="vAL"),)) == ["with"]
    assert await shelf.find(properties=(PropertyCondition(key=key, exists=True),)) == ["with"]
    assert await shelf.find(properties=(PropertyCondition(key=key, exists=False),)) == ["other"]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [(4, "4"), ("4", 4), (4.0, 4), ("4", 4.0), (True, "true"), ("true", True), ([1, 2], [1, 2]), ("", "")],
)
async def test_numbers_and_booleans_are_compared_as_texts(
    shelf: Shelf, stored: object, asked: object
) -> None:
    await shelf.put(owning("a", key=stored), owning("b", key="something else"))
    assert await shelf.find(properties=(PropertyCondition(key="key", equals=(asked,)),)) == ["a"]


async def test_equality_is_exact_and_containment_is_not(shelf: Shelf) -> None:
    await shelf.put(owning("a", key="Zoë"), owning("b", key="Zoe"), owning("c", key="Zo"))
    assert await shelf.find(properties=(PropertyCondition(key="key", equals=("Zoe",)),)) == ["b"]
    assert await shelf.find(properties=(PropertyCondition(key="key", contains="ZOE"),)) == ["a", "b"]


async def test_null_and_absent_are_the_same_and_empty_is_neither(shelf: Shelf) -> None:
    await shelf.put(
        owning("null", key=None), owning("absent", other=1), owning("empty", key=""), contact("none")
    )
    without = ["null", "absent", "none"]
    assert await shelf.find(properties=(PropertyCondition(key="key", exists=False),)) == without
    assert await shelf.find(properties=(PropertyCondition(key="key", equals=(None,)),)) == without
    assert await shelf.find(properties=(PropertyCondition(key="key", exists=True),)) == ["empty"]
    assert await shelf.find(properties=(PropertyCondition(key="key", equals=("",)),)) == ["empty"]


async def test_all_conditions_on_properties_have_to_hold(shelf: Shelf) -> None:
    await shelf.put(owning("a", x=1, y="abc"), owning("b", x=1, y="xyz"), owning("c", x=2, y="abc"))
    both = (PropertyCondition(key="x", equals=(1,)), PropertyCondition(key="y", contains="b"))
    assert await shelf.find(properties=both) == ["a"]
    never = (PropertyCondition(key="x", equals=(1,), exists=False),)
    assert await shelf.find(properties=never) == []


# ---- what keeps lists apart


async def test_accounts_sources_and_modules_are_kept_apart(shelf: Shelf) -> None:
    await shelf.put(named("a", "Ann", emails=["ann@example.com"]))
    await shelf.put(named("a", "Ann Other", emails=["ann@example.com"]), account="other")
    await shelf.put(
        named("s1", "Ann", _key=ContactKey(Source.SAMESPACE, "m1", "s1")),
        named("s2", "Ann", _key=ContactKey(Source.SAMESPACE, "m2", "s2")),
    )
    assert await shelf.find(name="ann") == ["a"]
    assert await shelf.find(email="ann@example.com") == ["a"]
    assert await shelf.find(name="other") == []
    assert await shelf.find(name="other", account="other") == ["a"]
    assert await shelf.find(search="ann", source=Source.SAMESPACE, module="m1") == ["s1"]
    assert await shelf.find(source=Source.SAMESPACE, module="m2") == ["s2"]
    assert await shelf.find(source=Source.SAMESPACE) == []


# ---- everything together

WORDS = st.text(alphabet="aábBłß'\"%_* -", max_size=5)
EMAILS = st.sampled_from(["a@x.com", "A@X.com", "b@x.com"])
PHONES = st.sampled_from(["(202) 555-0123", "+12025550123", "+442071234567"])
STAMPS = st.none() | st.sampled_from([f"2025-01-0{day}T00:00:00Z" for day in range(1, 5)])
KEYS = st.sampled_from(["k", "k.l", '"'])
VALUES = st.none() | st.sampled_from(["a", "Á", "", 1, "1", True])
PEOPLE = st.builds(
    dict,
    displayName=st.none() | WORDS,
    firstName=st.none() | WORDS,
    lastName=st.none() | WORDS,
    company=st.none() | WORDS,
    emails=st.lists(EMAILS, max_size=2),
    phones=st.lists(PHONES, max_size=2),
    createdAt=STAMPS,
    updatedAt=STAMPS,
    tags=st.lists(st.sampled_from([{"sourceId": "7"}, {"sourceId": "8"}]), max_size=2, unique_by=str),
    _properties=st.dictionaries(KEYS, VALUES, max_size=2).map(
        lambda values: [held(key, value) for key, value in values.items()]
    ),
)
# A condition that is only combining or blank signs is nothing to look for; `asking` lets none through.
PARTS = WORDS.filter(folded)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "email": EMAILS.map(same_email),
        "phone": st.sampled_from(["+12025550123", "+442071234567"]),
        "first_name": PARTS,
        "last_name": PARTS,
        "name": PARTS,
        "company": PARTS,
        "created_after": STAMPS.filter(bool).map(instant),
        "created_before": STAMPS.filter(bool).map(instant),
        "updated_after": STAMPS.filter(bool).map(instant),
        "updated_before": STAMPS.filter(bool).map(instant),
        "tag": st.sampled_from(["7", "8"]),
        "members": st.lists(st.sampled_from("0123"), max_size=3).map(tuple),
        "properties": st.lists(
            st.builds(
                PropertyCondition,
                key=KEYS,
                equals=st.none() | st.tuples(VALUES),
                contains=st.none() | PARTS,
                exists=st.none() | st.booleans(),
            ),
            max_size=2,
        ).map(tuple),
    },
)


def fits(each: Contact, **wanted: Any) -> bool:
    """Whether a contact fits, by looking at it."""
    values = {held["key"]: held["value"] for held in each["_properties"] or () if held["value"] is not None}
    created, updated = instant(each["createdAt"]), instant(each["updatedAt"])
    names = {
        "first_name": each["firstName"],
        "last_name": each["lastName"],
        "name": each["displayName"],
        "company": each["company"],
    }
    checks = {
        "email": lambda want: want in map(same_email, each["emails"]),
        "phone": lambda want: want in [e164(phone, "US") for phone in each["phones"]],
        **{key: lambda want, text=text: folded(want) in folded(text or "") for key, text in names.items()},
        "created_after": lambda want: created is not None and created >= want,
        "created_before": lambda want: created is not None and created < want,
        "updated_after": lambda want: updated is not None and updated >= want,
        "updated_before": lambda want: updated is not None and updated < want,
        "tag": lambda want: want in [tag["sourceId"] for tag in each["tags"]],
        "members": lambda want: each["sourceId"] in want,
        "properties": lambda want: all(holds(values, condition) for condition in want),
    }
    return all(checks[key](want) for key, want in wanted.items())


def holds(values: dict[str, Any], condition: PropertyCondition) -> bool:
    value = values.get(condition.key)
    equal = True
    if condition.equals is not None:
        expected = condition.equals[0]
        equal = (
            value is None if expected is None else value is not None and as_text(value) == as_text(expected)
        )
    contained = condition.contains is None or (
        value is not None and folded(condition.contains) in folded(as_text(value))
    )
    return equal and contained and condition.exists in (None, value is not None)


@THOROUGH
@given(st.lists(PEOPLE, max_size=4), st.lists(CONDITIONS, min_size=1, max_size=6))
async def test_the_index_finds_what_looking_at_every_contact_finds(
    people: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    shelf = Shelf()
    contacts = [contact(str(place), **person) for place, person in enumerate(people)]
    await shelf.put(*contacts)
    for conditions in filters:
        expected = [each["sourceId"] for each in contacts if fits(each, **conditions)]
        assert await shelf.find(**conditions) == expected
    await shelf.store.aclose()


@THOROUGH
@given(st.lists(PEOPLE, max_size=4), st.lists(PARTS, min_size=1, max_size=3).map(" ".join))
async def test_a_search_finds_those_whose_text_holds_every_word(
    people: list[dict[str, Any]], search: str
) -> None:
    shelf = Shelf()
    contacts = [contact(str(place), **person) for place, person in enumerate(people)]
    await shelf.put(*contacts)
    texts = {each["sourceId"]: row_of(each, 0, Rules()).text for each in contacts}
    expected = [
        vendor_id for vendor_id, text in texts.items() if all(folded(word) in text for word in search.split())
    ]
    assert await shelf.find(search=search) == expected
    await shelf.store.aclose()


# ---- many rows, some at a time

ALL = list(Source)
SHARED = {
    "displayName": st.sampled_from(["Ann Lee", "Anna Leeds", "Bob", "anna™", ""]),
    "company": st.sampled_from(["Acme", "Acme Ltd", "Other"]),
    "emails": st.lists(EMAILS, max_size=1),
}
CROWD = st.lists(st.tuples(st.sampled_from(ALL), st.fixed_dictionaries(SHARED)), max_size=30)
WANTED = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["ann", "anna", "lee", "an", "nobody"]),
        "company": st.sampled_from(["acme", "acme l", "r"]),
        "email": EMAILS.map(same_email),
        "members": st.lists(st.sampled_from("0123456789"), max_size=8).map(tuple),
    },
)


async def shelved(crowd: Sequence[tuple[Source, dict[str, Any]]]) -> tuple[Shelf, list[Contact]]:
    shelf = Shelf()
    contacts = [
        contact(str(place), source=source, _key=ContactKey(source, "", str(place)), **values)
        for place, (source, values) in enumerate(crowd)
    ]
    await shelf.put(*contacts)
    return shelf, contacts


@THOROUGH
@given(CROWD, WANTED, st.sampled_from(["", "ann", "lee acme", "x.com an"]), st.integers(1, 7))
async def test_what_is_looked_for_is_met_once_in_pages_of_each_source_and_of_all(
    crowd: list[tuple[Source, dict[str, Any]]], wanted: dict[str, Any], search: str, size: int
) -> None:
    shelf, contacts = await shelved(crowd)
    texts = [row_of(each, 0, Rules()).text for each in contacts]
    fitting = [
        each
        for each, text in zip(contacts, texts, strict=True)
        if fits(each, **wanted) and all(word in text for word in search.split())
    ]
    questions = [
        Question(account=ACCOUNT, source=source.value, module="", search=search, filter=Filter(**wanted))
        for source in ALL
    ]
    for source, question in zip(ALL, questions, strict=True):
        found: list[str] = []
        rowid = 0
        while rows := await shelf.store.after_rowid(question, rowid, size):
            assert [row.rowid for row in rows] == sorted(row.rowid for row in rows)
            found += [row.id for row in rows]
            rowid = rows[-1].rowid
        assert found == [each["sourceId"] for each in fitting if each["source"] is source]
        assert await shelf.store.count([question]) == len(found)
    assert await shelf.store.count(questions) == len(fitting)
    order, after = Order(field=OrderField.NAME, descending=False), None
    names: list[str | None] = []
    ids: list[str] = []
    while page := await shelf.store.after_key(questions, order, after, size):
        after = (page[-1].sort, page[-1].rowid)
        names += [row.sort for row in page]
        ids += [row.id for row in page]
    assert sorted(ids, key=int) == [each["sourceId"] for each in fitting]
    assert names == sorted(names, key=lambda name: (name is None, name))
    await shelf.store.aclose()


@THOROUGH
@given(CROWD, st.sampled_from(["ann", "lee acme", "x.com an", "an"]), st.integers(1, 7))
async def test_a_search_in_all_sources_is_walked_through_in_order(
    crowd: list[tuple[Source, dict[str, Any]]], search: str, size: int
) -> None:
    shelf, contacts = await shelved(crowd)
    texts = [row_of(each, 0, Rules()).text for each in contacts]
    fitting = [place for place, text in enumerate(texts, 1) if all(word in text for word in search.split())]
    found: list[int] = []
    walk = shelf.store.walk
    while rows := await walk(ACCOUNT, EVERYTHING, search=search, after=found[-1] if found else 0, limit=size):
        found += rows
    assert found == fitting
    some = list(range(1, len(contacts) + 1, 2))
    among = await walk(ACCOUNT, EVERYTHING, search=search, after=0, limit=len(some), among=some)
    assert among == [place for place in fitting if place in some]
    await shelf.store.aclose()


@pytest.mark.parametrize("conditions", [{}, {"email": "a@x.com"}, {"tag": "7"}])
async def test_a_page_of_matches_is_found_without_looking_all_of_them_up(
    shelf: Shelf, conditions: dict[str, Any]
) -> None:
    wanted = Filter(company="acme", **conditions)
    sql, values = query.after_rowid(
        Question(account=ACCOUNT, source="PACKAGEX", module="", filter=wanted), 7, 20
    )
    plan = [row[3] for row in shelf.store._reader.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert "contact_text" in plan[0]  # rows come from there in order, and one after the other
    assert any("contact_place" in step for step in plan)  # rows of other places are not read
    assert not any(word in step for step in plan for word in ("TEMP B-TREE", "MATERIALIZE", "CO-ROUTINE"))


async def test_what_a_page_of_matches_costs_does_not_grow_with_their_number(shelf: Shelf) -> None:
    costs: list[int] = []
    for start in (0, 500, 2_000):
        await shelf.put(*(contact(str(place), company="Acme") for place in range(start, start * 2 + 100)))
        question = Question(account=ACCOUNT, source="PACKAGEX", module="", filter=Filter(company="acme"))
        steps: list[None] = []
        shelf.store._reader.set_progress_handler(lambda steps=steps: steps.append(None), 1)
        assert len(await shelf.store.after_rowid(question, 0, 20)) == 20
        shelf.store._reader.set_progress_handler(None, 0)
        costs.append(len(steps))
    assert max(costs) < 1.5 * costs[0]


async def test_questions_that_look_for_different_texts_are_no_list(shelf: Shelf) -> None:
    one, other = (
        Question(account=ACCOUNT, source="PACKAGEX", module="", search=search) for search in ("abc", "xyz")
    )
    with pytest.raises(ValueError, match="one search"):
        await shelf.store.count([one, other])


# ---- orders

SORTED = {
    OrderField.NAME: lambda each: folded(each["displayName"] or "") or None,
    OrderField.EMAIL: lambda each: same_email(each["emails"][0]) if each["emails"] else None,
    OrderField.CREATED_AT: lambda each: instant(each["createdAt"]),
    OrderField.UPDATED_AT: lambda each: instant(each["updatedAt"]),
}


@THOROUGH
@given(
    st.lists(PEOPLE, max_size=8),
    st.sampled_from(list(OrderField)),
    st.booleans(),
    st.integers(1, 9),
)
async def test_an_order_walked_in_pages_meets_everybody_once_in_order_and_those_without_last(
    people: list[dict[str, Any]], field: OrderField, descending: bool, size: int
) -> None:
    shelf = Shelf()
    contacts = [contact(str(place), **person) for place, person in enumerate(people)]
    await shelf.put(*contacts)
    found = [row.id for row in await shelf.ordered(field, descending=descending, size=size)]
    assert sorted(found) == [each["sourceId"] for each in contacts]
    values = [SORTED[field](contacts[int(vendor_id)]) for vendor_id in found]
    having = [value for value in values if value is not None]
    assert having == sorted(having, reverse=descending)
    assert values == having + [None] * (len(values) - len(having))
    assert found == [row.id for row in await shelf.ordered(field, descending=descending)]
    await shelf.store.aclose()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_ties_are_walked_through_without_loss(shelf: Shelf, descending: bool, size: int) -> None:
    await shelf.put(*(named(str(place), "Ann Lee" if place % 3 else "") for place in range(9)))
    found = [row.id for row in await shelf.ordered(OrderField.NAME, descending=descending, size=size)]
    assert set(found[:6]) == {"1", "2", "4", "5", "7", "8"}
    assert found[6:] == ["0", "3", "6"]


async def test_sources_are_sorted_into_one_list(shelf: Shelf) -> None:
    await shelf.put(named("p1", "Berta"), named("p2", "Dora"))
    for vendor_id, name in (("m1", "anna"), ("m2", "Cora"), ("m3", "Émile")):
        await shelf.put(named(vendor_id, name, _key=ContactKey(Source.SMART_SENDER, "", vendor_id)))
    both = (Source.PACKAGEX, Source.SMART_SENDER)
    found = await shelf.ordered(OrderField.NAME, sources=both, size=2)
    assert [row.id for row in found] == ["m1", "p1", "m2", "p2", "m3"]
    assert [row.source for row in found[:2]] == ["SMART_SENDER", "PACKAGEX"]
    one = await shelf.ordered(OrderField.NAME, sources=both[:1], descending=True)
    assert [row.id for row in one] == ["p2", "p1"]


@pytest.mark.parametrize("conditions", [{"email": "ann@example.com"}, {"name": "ann"}, {"company": "a"}])
async def test_an_order_takes_only_what_fits(shelf: Shelf, conditions: dict[str, Any]) -> None:
    await shelf.put(
        named("b", "Ann B", emails=["ann@example.com"], company="A"),
        named("a", "Ann A", emails=["ann@example.com"], company="A"),
        named("c", "Carl", emails=["carl@example.com"], company="B"),
    )
    for size in (1, 5):
        found = await shelf.ordered(OrderField.NAME, size=size, **conditions)
        assert [row.id for row in found] == ["a", "b"]


async def test_an_order_does_not_mix_accounts(shelf: Shelf) -> None:
    await shelf.put(named("a", "Ann"))
    await shelf.put(named("b", "Bea"), account="other")
    assert [row.id for row in await shelf.ordered(OrderField.NAME)] == ["a"]


async def test_a_page_of_rows_goes_on_behind_a_number(shelf: Shelf) -> None:
    await shelf.put(*(contact(str(place)) for place in range(7)))
    question = Question(account=ACCOUNT, source="PACKAGEX", module="")
    found: Sequence[Stored] = []
    rowid, seen = 0, []
    while found := await shelf.store.after_rowid(question, rowid, 3):
        rowid = found[-1].rowid
        seen.append([row.id for row in found])
    assert seen == [["0", "1", "2"], ["3", "4", "5"], ["6"]]

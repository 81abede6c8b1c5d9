"""Global ids are opaque, canonical, and never read back as something they do not say."""

import base64

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import BadInput
from gateway.model import ids
from gateway.model.source import Source

PARTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
ACCOUNTS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | PARTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PARTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def things(draw: st.DrawFn) -> ids.GlobalId:
    type_ = draw(st.sampled_from(sorted(ids.KINDS)))
    count = ids.KINDS[type_][1]
    parts = tuple(draw(PARTS) for _ in range(count))
    return ids.GlobalId(type_, draw(ACCOUNTS), draw(st.sampled_from(list(Source))), parts)


def text_of(thing: ids.GlobalId) -> str:
    return ids.encode(thing.type, thing.account, thing.source.value, *thing.parts)


def sealed(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


@given(things())
def test_an_id_says_what_went_into_it(thing: ids.GlobalId) -> None:
    assert ids.decode(text_of(thing)) == thing


@given(things())
def test_an_id_can_stand_in_a_url_as_it_is(thing: ids.GlobalId) -> None:
    text = text_of(thing)
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(things(), things())
def test_two_things_never_share_an_id(one: ids.GlobalId, other: ids.GlobalId) -> None:
    assert (text_of(one) == text_of(other)) == (one == other)


@given(st.text(max_size=200))
@example("")
@example("1")
@example("contact_1")
@example("WzEsIkMiXQ==")
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not an id of this gateway"):
        ids.decode(text)


@given(JSON)
@example([1, "C", "default", "PACKAGEX", "", ["x"]])
@example([1, "C", "default", "PACKAGEX", "", 5])
@example([1, "C", "default", "PACKAGEX", ""])
@example([1, "C", "default", "PACKAGEX", "", "a", "b"])
@example([1, "C", 7, "PACKAGEX", "", "a"])
@example([1, "C", "default", "NOBODY", "", "a"])
@example([1, "C", "default", ["PACKAGEX"], "", "a"])
@example([1, ["C"], "default", "PACKAGEX", "", "a"])
@example([1, "Z", "default", "PACKAGEX", "", "a"])
@example([2, "C", "default", "PACKAGEX", "", "a"])
@example([True, "C", "default", "PACKAGEX", "", "a"])
@example([1.0, "C", "default", "PACKAGEX", "", "a"])
@example({"1": 1, "C": 2, "default": 3, "PACKAGEX": 4, "x": 5, "a": 6})
def test_json_that_the_gateway_did_not_write_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        ids.decode(sealed(value))


@given(things(), st.data())
def test_an_id_with_a_changed_sign_is_another_id_or_none(thing: ids.GlobalId, data: st.DataObject) -> None:
    text = text_of(thing)
    at = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from("ABCDwxyz0189-_=+/ .é"))
    changed = text[:at] + sign + text[at + 1 :]
    try:
        found = ids.decode(changed)
    except BadInput:
        return
    assert (found == thing) == (changed == text)


@pytest.mark.parametrize("form", ["{}=", "{}==", " {}", "{}\n", "{}A"])
def test_only_the_one_spelling_of_an_id_is_taken(form: str) -> None:
    text = ids.encode("Contact", "default", "PACKAGEX", "", "contact_1")
    with pytest.raises(BadInput):
        ids.decode(form.format(text))


def test_spaces_inside_the_json_of_an_id_are_refused() -> None:
    packed = b'[1, "C", "default", "PACKAGEX", "", "contact_1"]'
    with pytest.raises(BadInput):
        ids.decode(base64.urlsafe_b64encode(packed).rstrip(b"=").decode())


def test_a_very_long_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadInput, match="too long"):
        ids.decode("A" * (ids.LONGEST + 1))
    with pytest.raises(BadInput):
        ids.decode("A" * ids.LONGEST)


def test_a_refusal_shows_the_beginning_of_a_long_text_only() -> None:
    with pytest.raises(BadInput) as refused:
        ids.decode("x" * 500)
    assert len(refused.value.message) < 150


def test_an_id_of_another_type_is_refused_where_one_type_is_meant() -> None:
    group = ids.encode("Group", "default", "PACKAGEX", "group_1")
    with pytest.raises(BadInput, match="the id of a Group, not of a Contact"):
        ids.expect(group, "Contact", "default")


def test_an_id_of_another_account_is_refused() -> None:
    foreign = ids.encode("Contact", "other", "PACKAGEX", "", "contact_1")
    with pytest.raises(BadInput, match="not an id of your account"):
        ids.expect(foreign, "Contact", "default")


def test_an_id_of_the_type_and_account_that_is_meant_is_taken() -> None:
    text = ids.encode("Contact", "default", "SAMESPACE", "module_1", "contact_1")
    assert ids.expect(text, "Contact", "default").parts == ("module_1", "contact_1")


@pytest.mark.parametrize(
    ("type_", "parts"),
    [
        ("Contact", ("module", "contact")),
        ("Group", ("group",)),
        ("Chat", ("contact",)),
        ("Communication", ("contact", "gate")),
        ("Message", ("contact", "message")),
        ("Property", ("module", "property")),
        ("Channel", ("channel",)),
        ("Module", ("module",)),
        ("Tag", ("tag",)),
        ("Funnel", ("key",)),
    ],
)
def test_an_id_holds_exactly_what_finds_the_thing_again(type_: str, parts: tuple[str, ...]) -> None:
    assert ids.decode(ids.encode(type_, "default", "SAMESPACE", *parts)).parts == parts
    for others in (parts[:-1], (*parts, "more")):
        with pytest.raises(BadInput):
            ids.decode(ids.encode(type_, "default", "SAMESPACE", *others))


def test_every_type_has_a_letter_of_its_own() -> None:
    assert len({letter for letter, _ in ids.KINDS.values()}) == len(ids.KINDS)


@given(things())
def test_an_id_tells_its_type_and_other_texts_tell_none(thing: ids.GlobalId) -> None:
    text = text_of(thing)
    assert ids.kind(text) == thing.type
    assert ids.kind(f"{text}=") is None
    assert ids.kind(thing.source.value) is None
    assert ids.kind(ids.BEGINNING) is None

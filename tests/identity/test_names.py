"""Names that can be one person's, and names that cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.names import NOTHING, Kin, Name, kin, name_of

PARTS = st.sampled_from(
    "Ada ADA Àda A. Adaa Lovelace Lovelcae Byron L. Jr. Sr III Dr. Daniel Daniela Bob Robert Meyer Meier "
    "O'Brien obrien de Vries deVries Acme Ltd 7 Ада ada@example.com adal alovelace ,".split()
)
NAMES = st.builds(
    lambda parts: name_of(None, None, " ".join(parts)), st.lists(PARTS | st.text(max_size=6), max_size=4)
)


def name(text: str) -> Name:
    return name_of(None, None, text)


# ---- what a name is


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada Lovelace", "ada lovelace"),
        ("  ADA   lovelace ", "ada lovelace"),
        ("Dr. Ada Lovelace", "ada lovelace"),
        ("Lovelace, Ada", "ada lovelace"),
        ("Lovelace, Dr. Ada Augusta", "ada augusta lovelace"),
        ("Ada Lovelace, PhD", "ada lovelace"),
        ("John Smith, Jr.", "john smith"),
        ("Zoë Müller-Łukasz", "zoe muller lukasz"),
        ("Siobhán O’Donnell", "siobhan odonnell"),
        ("Ada 🌸 Lovelace", "ada lovelace"),
        ("a b c d e f g h", "a b c d e f"),
        ("Junior Lopez", "junior lopez"),
    ],
)
def test_a_name_is_its_words(text: str, words: str) -> None:
    found = name(text)
    assert found.words == tuple(words.split())
    assert found.known


@pytest.mark.parametrize(
    ("text", "generation"),
    [("John Smith Jr.", "jr"), ("John Smith Junior", "jr"), ("John Smith III", "iii"), ("John Smith", "")],
)
def test_a_generation_is_no_part_of_the_words(text: str, generation: str) -> None:
    assert name(text) == name("John Smith")._replace(generation=generation)


@pytest.mark.parametrize(
    ("first", "last", "whole", "words"),
    [
        ("Ada", "Lovelace", "Countess Ada", "ada lovelace"),
        ("Ada", None, "Ada Lovelace", "ada lovelace"),
        (None, "Lovelace", "Ada Lovelace", "ada lovelace"),
        ("Ada", None, "ada@example.com", "ada"),
        ("Ada", None, None, "ada"),
        (None, None, "Ada", "ada"),
    ],
)
def test_two_parts_count_or_else_the_whole(first: str, last: str, whole: str, words: str) -> None:
    assert name_of(first, last, whole).words == tuple(words.split())


@pytest.mark.parametrize("text", ["", " ", "ada@example.com", "Ada ada@example.com"])
def test_an_address_is_no_name(text: str) -> None:
    assert name(text) == NOTHING


@pytest.mark.parametrize(
    "text", ["+1 503 555 0142", "ada77", "ada_l", "Acme Ltd", "Lovelace GmbH & Co", "Team Berlin"]
)
def test_what_is_nobodys_name_is_not_known(text: str) -> None:
    assert not name(text).known


# ---- how two stand to each other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Lovelace", "ADA LOVELACE"),
        ("Ada Lovelace", "Lovelace Ada"),
        ("Ada Lovelace", "Lovelace, Ada"),
        ("Ada Lovelace", "Ada Augusta Lovelace"),
        ("Ada Lovelace", "Lovelace Ada Augusta"),
        ("Ada Lovelace", "Ada Byron Lovelace"),
        ("Robert Smith", "Bob Smith"),
        ("Robert Smith", "Smith Bob"),
        ("Anna de Vries", "Anna Devries"),
        ("Jürgen Köhler", "Juergen Koehler"),
        ("Ada Lovelace", "Adaa Lovelace"),
        ("John Smith Jr.", "John Smith Junior"),
        ("Ада Лавлейс", "Ада Лавлейс"),
    ],
)
def test_one_name_in_several_hands(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Lovelace", "Ada L."),
        ("Ada Byron", "Ada Byrun"),
        ("Ada A. Lovelace", "Ada Augusta Lovelace"),
        ("Bob Meyer", "Robert Meier"),
        ("Ada L.", "Ada L."),
    ],
)
def test_a_first_name_and_something_like_the_rest_is_near(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.NEAR


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "Ada Lovelace"),
        ("Ada", "Ada"),
        ("Bob", "Robert Smith"),
        ("adalovelace", "Ada Lovelace"),
        ("alovelace", "Ada Lovelace"),
        ("adal", "Ada Lovelace"),
        ("lovelaceada", "Ada Lovelace"),
    ],
)
def test_a_first_name_is_a_part(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.PART


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Danjel Meyer", "Daniel Meyer"),
        ("J. Smith", "John Smith"),
        ("S. Smith", "Samantha M. Smith"),
        ("A. Smith", "A. Smith"),
        ("Anna Meyer", "Anna Schulz"),
        ("Ada Martin", "Ada M. Lovelace"),
        ("John Smith", "John Smith Jr."),
        ("John Smith Jr.", "John"),
        ("Danjel", "Daniel Meyer"),
        ("Ada", "Lovelace Ada"),
    ],
)
def test_a_mistake_or_another_last_name_is_close(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.CLOSE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Daniel Meyer", "Daniela Meyer"),
        ("Jan", "Jana Meyer"),
        ("Christian Meyer", "Christina Meyer"),
        ("Lena Meyer", "Lina Meyer"),
        ("Emily Meyer", "Emma Meyer"),
        ("Patrick Meyer", "Peter Meyer"),
        ("Evelyn Rivera", "Rivera Cynthia Evelyn"),
    ],
)
def test_what_may_be_a_sister_is_doubtful(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.DOUBTFUL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Lovelace", ""),
        ("Ada Lovelace", "Acme Ltd"),
        ("Ada Lovelace", "Ада Лавлейс"),
        ("+1 503", "ada77"),
        ("", ""),
    ],
)
def test_where_one_is_no_name_nothing_is_known(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Lovelace", "Grace Hopper"),
        ("Ada", "Grace Hopper"),
        ("Ada", "Grace"),
        ("Robert Meyer", "William Schulz"),
    ],
)
def test_others_differ(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.OTHER


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna Meyer", "Tom Meyer"),
        ("Meyer, Anna", "Tom Meyer"),
        ("John Smith Sr.", "John Smith Jr."),
        ("Karen Anna Meyer", "Anna Meyer"),
        ("Anna", "Karen Anna Meyer"),
        ("Nancy Jane Walker", "Nancy Ruth Walker"),
    ],
)
def test_a_last_name_in_common_is_a_family(one: str, other: str) -> None:
    assert kin(name(one), name(other)) is Kin.RELATIVE


@given(NAMES, NAMES)
def test_it_does_not_matter_whose_name_is_first(one: Name, other: Name) -> None:
    assert kin(one, other) is kin(other, one)


@given(NAMES)
def test_a_name_is_never_another_than_itself(one: Name) -> None:
    assert kin(one, one) in (Kin.SAME, Kin.NEAR, Kin.PART, Kin.CLOSE, Kin.UNKNOWN)

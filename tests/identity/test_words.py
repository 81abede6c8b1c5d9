"""Words of names: the same, mistyped, or somebody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.words import Near, near

WORDS = st.sampled_from(
    "a j ann anna hanna daniel daniela danielle christian christina kate kathy katherine robert bob jo joe "
    "smith smiht smyth schmidt mueller muller tim tom lena lina meyer meier o".split()
) | st.text("abei", min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("daniel", "daniel"),
        ("daneil", "daniel"),  # two letters in each other's place
        ("danieel", "daniel"),  # one twice
        ("danielll", "daniell"),
        ("aanna", "anna"),
        ("mueller", "muller"),
        ("joerg", "jorg"),
        ("katherine", "katharine"),  # one wrong in a long word
        ("elizabth", "elizabeth"),
        ("bob", "robert"),
        ("brenad", "brenda"),
    ],
)
def test_slips_and_short_forms_are_the_same(one: str, other: str) -> None:
    assert near(one, other) is Near.SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dahiel", "daniel"),
        ("marina", "martina"),
        ("elena", "helena"),
        ("kate", "kathy"),
        ("j", "john"),
        ("j", "j"),
    ],
)
def test_what_may_be_a_mistake_is_close(one: str, other: str) -> None:
    assert near(one, other) is Near.CLOSE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("daniel", "daniela"),
        ("helena", "helene"),
        ("christian", "christina"),
        ("andrea", "andreas"),
        ("louis", "louise"),
        ("emma", "emily"),
        ("tim", "tom"),
        ("lena", "lina"),
        ("katar", "katarzyna"),
    ],
)
def test_what_may_be_a_brothers_or_a_sisters_is_doubtful(one: str, other: str) -> None:
    assert near(one, other) is Near.DOUBTFUL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("daniel", "david"),
        ("mark", "mary"),
        ("gary", "mary"),
        ("jo", "al"),
        ("k", "john"),
        ("ann", "ian"),
        ("li", "la"),
    ],
)
def test_others_are_different(one: str, other: str) -> None:
    assert near(one, other) is None


@given(WORDS, WORDS)
def test_it_does_not_matter_which_is_first(one: str, other: str) -> None:
    assert near(one, other) is near(other, one)


@given(WORDS.filter(lambda word: len(word) > 1))
def test_a_word_is_itself(word: str) -> None:
    assert near(word, word) is Near.SAME

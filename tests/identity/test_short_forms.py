"""What people are called by those who know them."""

import pytest

from gateway.identity.short_forms import GIVEN, SHORT_FORMS, have_one_in_common, is_short_for


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("bob", "robert"),
        ("peggy", "margaret"),
        ("dan", "daniel"),
        ("johnny", "john"),
        ("jim", "jimmy"),
        ("sasha", "oleksandr"),
        ("sasha", "alexandra"),
        ("uschi", "ursula"),
        ("pepe", "jose"),
        ("nastya", "anastasia"),
    ],
)
def test_short_forms_are_known(short: str, name: str) -> None:
    assert is_short_for(short, name)
    assert have_one_in_common(short, name) or short not in GIVEN


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("peter", "patrick"),  # the library says so
        ("emma", "emily"),
        ("louise", "louis"),
        ("andrew", "andrea"),
        ("joe", "joshua"),
        ("daniela", "daniel"),
        ("drew", "andrew"),
        ("robert", "bob"),  # the other way about
        ("tom", "robert"),
    ],
)
def test_a_brothers_name_is_no_short_form(short: str, name: str) -> None:
    assert not is_short_for(short, name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("kate", "kathy"), ("trish", "pat"), ("drew", "andrew"), ("emma", "emily"), ("kit", "kate")],
)
def test_two_can_be_short_for_one(one: str, other: str) -> None:
    assert have_one_in_common(one, other)
    assert have_one_in_common(other, one)


def test_two_names_with_one_short_form_have_nothing_in_common() -> None:
    assert not have_one_in_common("robert", "william")  # both are Billy to the library
    assert not have_one_in_common("christian", "christina")


def test_the_lines_are_words_of_small_letters_each_name_once() -> None:
    names = [line.split()[0] for line in SHORT_FORMS]
    assert sorted(names) == sorted(set(names)) == names
    assert all(
        word.isascii() and word.isalpha() and word.islower() for line in SHORT_FORMS for word in line.split()
    )
    assert all(len(line.split()) > 1 for line in SHORT_FORMS)

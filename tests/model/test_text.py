"""Two spellings of one name, e-mail or phone have one normalised form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.text import e164, folded, same_email

# Letters that people's names are written with; signs such as ™ decompose into capitals.
LETTERS = st.characters(
    categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F, exclude_characters="ŉ"
) | st.sampled_from(" '-’")
NAMES = st.text(alphabet=LETTERS, max_size=30)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("  Zoë  MÜLLER ", "zoe muller"),
        ("zoe\u0308", "zoe"),
        ("Łukasz Søren", "lukasz soren"),
        ("Öykü IŞIK", "oyku isik"),
        ("ısı", "isi"),
        ("İstanbul", "istanbul"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("Ætna œuvre", "aetna oeuvre"),
        ("O’Donnell", "o'donnell"),
        ("Guðrún", "gudrun"),
        ("Ａｎｎａ", "anna"),
        ("田中\u3000太郎", "田中 太郎"),
        ("a\tb\nc", "a b c"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_case_accents_and_superfluous_space_do_not_count(written: str, form: str) -> None:
    assert folded(written) == form


@given(NAMES)
def test_folding_twice_changes_nothing_more(name: str) -> None:
    assert folded(folded(name)) == folded(name)


@given(NAMES)
def test_composed_and_decomposed_accents_fold_alike(name: str) -> None:
    assert folded(unicodedata.normalize("NFD", name)) == folded(unicodedata.normalize("NFC", name))


@given(NAMES)
def test_a_folded_text_has_single_spaces_and_none_around(name: str) -> None:
    form = folded(name)
    assert form == " ".join(form.split())


@given(NAMES, NAMES, NAMES)
def test_a_word_of_a_name_is_found_in_the_folded_name(before: str, word: str, after: str) -> None:
    assert folded(word) in folded(f"{before} {word} {after}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@Example.COM", " ann@example.com\n"),
        ("zoë@example.com", "zoe\u0308@example.com"),
        ("GROẞ@example.com", "groß@example.com"),
        ("ΟΔΥΣΣΕΥΣ@example.com", "οδυσσευς@example.com"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BU\u0308CHER.example.", "ann@bücher.example"),
        ("ann\u200b@example.com", "ann@example.com"),
        ("ann@example。com", "ann@example.com"),
    ],
)
def test_two_spellings_of_an_address_are_the_same(one: str, other: str) -> None:
    assert same_email(one) == same_email(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zoë@example.com", "zoe@example.com"),
        ("groß@example.com", "gross@example.com"),
        ("ann@straße.example", "ann@strasse.example"),
        ("a.nn@example.com", "ann@example.com"),
        ("ann@exa_mple。com", "ann@example.com"),
    ],
)
def test_these_are_different_mailboxes(one: str, other: str) -> None:
    assert same_email(one) != same_email(other)


@given(st.text(max_size=30))
def test_the_form_of_an_address_stays_as_it_is(text: str) -> None:
    assert same_email(same_email(text)) == same_email(text)


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+12025550123", "US", "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("202-555-0123", "US", "+12025550123"),
        ("1 202 555 0123", "US", "+12025550123"),
        ("12025550123", "GB", "+12025550123"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("447700900123", "US", "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("0151 12345678", "DE", "+4915112345678"),
        ("++12025550123", "US", "+12025550123"),
    ],
)
def test_a_phone_has_one_international_form(written: str, region: str, number: str) -> None:
    assert e164(written, region) == number


@pytest.mark.parametrize("text", ["", "+", "12", "extension", "n/a", "+999", "00000"])
def test_what_is_no_phone_has_none(text: str) -> None:
    assert e164(text, "US") is None


@given(st.text(max_size=30))
def test_any_text_is_a_phone_or_none(text: str) -> None:
    number = e164(text, "US")
    assert number is None or (number.startswith("+") and number[1:].isdigit())


@given(st.integers(2_000_000_000, 9_999_999_999))
def test_the_international_form_stays_as_it_is(digits: int) -> None:
    number = e164(str(digits), "US")
    assert number is None or e164(number, "DE") == number

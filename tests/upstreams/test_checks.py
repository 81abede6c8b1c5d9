"""Which texts are e-mails: what is plain is told without the library, and never otherwise than by it."""

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.upstreams.checks import PLAIN_EMAIL, is_email

LETTERS = st.text("aZ9.-_+@!ſKß\n ", max_size=70)
PLAIN = st.from_regex(PLAIN_EMAIL, fullmatch=True)


def of_the_library(text: str) -> bool:
    try:
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except EmailNotValidError:
        return False
    return "." in found.domain


@given(PLAIN | LETTERS | st.builds("{}@{}.de".format, LETTERS, LETTERS))
@example("a" * 65 + "@b.de")
@example("a@b.de\n")
@example("a@ab--c.de")
@example("a@xn--a.de")
@example("a@b.9")
@example("a@b.LOCAL")
def test_a_text_is_an_e_mail_where_the_library_says_so(text: str) -> None:
    assert is_email(text) == of_the_library(text)


@pytest.mark.parametrize("name", SPECIAL_USE_DOMAIN_NAMES)
def test_no_e_mail_is_at_a_domain_with_a_special_use(name: str) -> None:
    for text in (f"ada@{name}", f"ada@some.{name}", f"ada@{name.upper()}"):
        assert is_email(text) == of_the_library(text)

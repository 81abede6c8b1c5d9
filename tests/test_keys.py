"""Keys of callers are known by their digest only, and what is odd about them is told without quoting them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import Keys, read_keys
from gateway.model.caller import Caller, Scope
from gateway.model.source import Source

KEY = "a-key-of-Ada"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
OTHER = hashlib.sha256(b"a-key-of-Bob").hexdigest()


def only(text: str) -> Caller:
    [caller] = read_keys(text).callers.values()
    return caller


def test_an_entry_says_who_may_do_what() -> None:
    assert only(f"ada:{DIGEST}:read,write") == Caller(
        name="ada", scopes=frozenset({Scope.READ, Scope.WRITE}), account="default", sources=None
    )


def test_an_entry_may_name_an_account_and_sources() -> None:
    caller = only(f"ada:{DIGEST}:read:acme:PACKAGEX, SMART_SENDER")
    assert caller.account == "acme"
    assert caller.sources == {Source.PACKAGEX, Source.SMART_SENDER}
    assert caller.may_read(Source.PACKAGEX)
    assert not caller.may_read(Source.SAMESPACE)


def test_empty_parts_at_the_end_mean_their_defaults() -> None:
    caller = only(f"ada:{DIGEST}:read::")
    assert (caller.account, caller.sources) == ("default", None)
    assert all(caller.may_read(source) for source in Source)


def test_entries_are_separated_by_semicolons_and_space_around_them_does_not_count() -> None:
    keys = read_keys(f" ada:{DIGEST}:read ;\n bob:{OTHER}:admin ; ")
    assert [caller.name for caller in keys.callers.values()] == ["ada", "bob"]


@pytest.mark.parametrize("text", ["", " "])
def test_no_entries_are_no_callers(text: str) -> None:
    assert read_keys(text).callers == {}


@pytest.mark.parametrize("text", [";", " ; ;; "])
def test_entries_that_hold_nothing_do_not_open_the_gateway(text: str) -> None:
    with pytest.raises(ValueError, match="has no entry"):
        read_keys(text)


def test_a_caller_is_found_by_the_key_itself() -> None:
    keys = read_keys(f"ada:{DIGEST}:read;bob:{OTHER}:read")
    for key, name in ((KEY, "ada"), ("a-key-of-Bob", "bob")):
        found = keys.find(key)
        assert found is not None
        assert found.name == name


def test_a_digest_in_capitals_is_the_same() -> None:
    assert read_keys(f"ada:{DIGEST.upper()}:read").find(KEY) is not None


@given(st.text().filter(lambda key: key != KEY and not any(0xD800 <= ord(sign) < 0xE000 for sign in key)))
def test_any_other_key_is_nobodys(key: str) -> None:
    assert read_keys(f"ada:{DIGEST}:read").find(key) is None


def test_the_digest_itself_is_no_key() -> None:
    assert read_keys(f"ada:{DIGEST}:read").find(DIGEST) is None


def test_nobody_is_known_without_callers() -> None:
    assert Keys({}).find("") is None


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        f"ada:{DIGEST}",
        f":{DIGEST}:read",
        f"ada:{DIGEST}:read:acme:PACKAGEX:more:still",
        f"ada:{DIGEST}:",
        f"ada:{DIGEST}:read,",
        f"ada:{DIGEST}:reed",
        f"ada:{DIGEST}:READ",
        f"ada:{DIGEST}:read:acme:packagex",
        f"ada:{DIGEST}:read:acme:PACKAGEX,",
        f"ada:{DIGEST[:-1]}:read",
        f"ada:{DIGEST}0:read",
        f"ada:{DIGEST[:-1]}g:read",
        f"ada:{KEY}:read",
        f"ada:{DIGEST}:read;bob:{DIGEST}:read",
        f"ada:{DIGEST}:read;bob:{DIGEST.upper()}:read",
        f"ada:{DIGEST}:read;;bob",
    ],
)
def test_an_odd_entry_is_refused_without_quoting_a_key_or_a_digest(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        read_keys(text)
    told = str(refused.value)
    assert KEY not in told
    assert DIGEST[:16] not in told.lower()


def test_a_refusal_names_the_entry_that_is_odd() -> None:
    with pytest.raises(ValueError, match="in entry 2"):
        read_keys(f"ada:{DIGEST}:read;bob:{OTHER}:reed")


def test_a_refusal_names_the_sources_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"in entry 1 .* SAMESPACE, PACKAGEX, SMART_SENDER"):
        read_keys(f"ada:{DIGEST}:read::NOPE")


def test_scopes_are_exactly_what_the_entry_says() -> None:
    caller = only(f"ada:{DIGEST}: read , raw ")
    assert {scope for scope in Scope if caller.may(scope)} == {Scope.READ, Scope.RAW}

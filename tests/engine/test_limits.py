"""How deep a document nests is measured with its fragments, however those lie within each other."""

import pytest
from graphql import DocumentNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine.limits import Limits, TooComplex, check_document


def depth(document: DocumentNode) -> int:
    """The least limit that lets a document through."""
    for deepest in range(200):
        try:
            check_document(document, Limits(depth=deepest))
        except TooComplex:
            continue
        return deepest
    raise AssertionError("deeper than all that is written here")


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("{ a }", 1),
        ("{ a { b } }", 2),
        ("{ a { b } c { d { e } } }", 3),
        ("{ ... { a } }", 1),
        ("{ ... on Query { a { ... { b } } } }", 2),
        ("{ ...f } fragment f on Query { a { b } }", 2),
        ("{ a { ...f } } fragment f on Query { b { ...g } } fragment g on Query { c }", 3),
        ("{ a { ...f } ...f } fragment f on Query { b }", 2),
        ("{ ...nowhere a }", 1),
        ("{ a: x { b: y } }", 2),
        ("query A { a } query B { a { b { c } } }", 3),
        ("fragment f on Query { a { b { c } } } { d }", 3),
        ('{ a(by: {deep: {deep: {deep: "x"}}}) }', 1),
        ("{ __typename a { __typename } }", 2),
    ],
)
def test_depth_counts_fields_and_nothing_else(text: str, deep: int) -> None:
    assert depth(parse(text)) == deep


@pytest.mark.parametrize(
    "text",
    [
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { a { ...g } } fragment g on Query { b { ...f } }",
    ],
)
def test_a_fragment_within_itself_comes_to_an_end(text: str) -> None:
    assert depth(parse(text)) < 10


def test_a_refusal_says_how_deep_and_what_is_allowed() -> None:
    with pytest.raises(TooComplex, match="nests 3 fields deep; at most 2 are allowed") as refused:
        check_document(parse("{ a { b { c } } }"), Limits(depth=2))
    assert refused.value.extensions == {
        "code": "QUERY_TOO_COMPLEX",
        "exceeded": "depth",
        "cost": 3,
        "limit": 2,
    }


NESTED = st.recursive(
    st.just("x"),
    lambda inner: st.one_of(
        inner.map(lambda text: f"f {{ {text} }}"),
        inner.map(lambda text: f"... {{ {text} }}"),
        st.tuples(inner, inner).map(" ".join),
    ),
    max_leaves=12,
)


def written_depth(text: str) -> int:
    """The depth of a text of `NESTED`, counted by its braces: `f {` counts, `... {` does not."""
    deepest, open_fields = 0, [0]
    for word, following in zip(text.split(), [*text.split()[1:], ""], strict=True):
        if following == "{":
            open_fields.append(open_fields[-1] + (word == "f"))
        elif word == "}":
            open_fields.pop()
        elif word == "x":
            deepest = max(deepest, open_fields[-1] + 1)
    return deepest


@settings(deadline=None)
@given(NESTED)
def test_depth_is_the_same_written_out_or_in_fragments(text: str) -> None:
    expected = written_depth(text)
    assert depth(parse(f"{{ {text} }}")) == expected
    assert depth(parse(f"{{ ...part }} fragment part on Query {{ {text} }}")) == expected
    assert depth(parse(f"fragment part on Query {{ {text} }} {{ x {{ ...part }} }}")) == expected + 1


def test_fragments_that_multiply_are_measured_once_each() -> None:
    fragments = " ".join(
        f"fragment f{place} on Query {{ {' '.join(f'...f{place + 1}' for _ in range(5))} }}"
        for place in range(60)
    )
    document = parse(f"{{ ...f0 }} {fragments} fragment f60 on Query {{ a }}")
    with pytest.raises(TooComplex, match="1000000000 fields"):
        check_document(document, Limits())

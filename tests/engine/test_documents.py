"""A document is read once, within limits, and what is wrong with it has its code."""

from collections.abc import Sequence

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema, get_introspection_query
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import read_schema
from gateway.engine.documents import LARGEST_KEPT, MOST_ERRORS, Document, Documents, InvalidDocument
from gateway.engine.limits import Limits, TooComplex

SCHEMA = build_schema(
    """
    type Query { name: String friend(by: By): Query friends: [Query!]! }
    type Mutation { rename: String }
    type Subscription { renamed: String }
    input By { name: String names: [String!] more: By }
    """
)


def documents(*, schema: GraphQLSchema = SCHEMA, limits: Limits | None = None, **more: object) -> Documents:
    return Documents(schema, limits or Limits(), **more)  # type: ignore[arg-type]


def wrong(text: str, **more: object) -> tuple[str, Sequence[GraphQLError]]:
    with pytest.raises(InvalidDocument) as refused:
        documents(**more).get(text)  # type: ignore[arg-type]
    return refused.value.code, refused.value.errors


# ---- what a document offers


def test_the_only_operation_of_a_document_is_meant_without_a_name() -> None:
    document = documents().get("{ name }")
    assert (document.chosen(None).kind, document.chosen("").kind) == ("query", "query")
    assert document.chosen("Other").kind == ""


def test_an_operation_is_chosen_by_its_name() -> None:
    document = documents().get("query A { name } mutation B { rename } subscription C { renamed }")
    assert [document.chosen(name).kind for name in "ABC"] == ["query", "mutation", "subscription"]
    assert document.chosen(None).kind == ""
    assert document.chosen("D").kind == ""


def test_the_only_operation_is_meant_also_where_it_has_a_name() -> None:
    assert documents().get("mutation B { rename }").chosen(None).kind == "mutation"


# ---- kept for the next time


def test_the_same_text_gives_the_same_document() -> None:
    held = documents()
    assert held.get("{ name }") is held.get("{ name }")
    assert held.get("{ name }") is not held.get("{name}")


def test_the_document_that_was_not_asked_for_longest_is_dropped() -> None:
    held = documents(most=2)
    a, b = held.get("{ a: name }"), held.get("{ b: name }")
    assert held.get("{ a: name }") is a
    held.get("{ c: name }")
    assert held.get("{ a: name }") is a
    assert held.get("{ b: name }") is not b


def test_a_very_large_document_is_read_each_time() -> None:
    held = documents(limits=Limits(tokens=10**6, bytes=10**6))
    padding = "#" * LARGEST_KEPT
    assert held.get("{ name }" + padding) is not held.get("{ name }" + padding)
    fitting = "{ name }" + "#" * (LARGEST_KEPT - 8)
    assert held.get(fitting) is held.get(fitting)


def test_a_document_that_is_refused_is_refused_again() -> None:
    held = documents()
    for _ in range(2):
        with pytest.raises(InvalidDocument):
            held.get("{ nme }")


# ---- what is wrong


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", "{ name", "{}", "{ friend { } }", "query", "{ name } }", "\x00", "{ na me: }", "…"],
)
def test_what_is_no_graphql_is_a_failure_to_parse(text: str) -> None:
    code, errors = wrong(text)
    assert code == "GRAPHQL_PARSE_FAILED"
    assert len(errors) == 1
    assert errors[0].locations


@pytest.mark.parametrize(
    "text",
    [
        "{ nme }",
        "{ friend }",
        "{ name { name } }",
        "{ friend(by: {nme: 1}) { name } }",
        "query ($a: Nothing) { name }",
        "query ($a: String) { name }",
        "{ ...f } fragment f on Query { ...f name }",
        "fragment f on Query { name }",
        "{ name } { name }",
        "type A { a: String }",
    ],
)
def test_what_does_not_fit_the_schema_is_a_failure_to_validate(text: str) -> None:
    code, errors = wrong(text)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert errors


def test_no_more_errors_are_told_than_help() -> None:
    _, errors = wrong("{ " + " ".join(f"wrong{place}" for place in range(50)) + " }")
    assert len(errors) <= MOST_ERRORS + 1


@settings(deadline=None)
@given(st.text(alphabet='{}()[]:!$@"#.,|& nameQuery1\n\\', max_size=60))
def test_any_text_is_a_document_or_a_refusal(text: str) -> None:
    held = documents()
    try:
        found = held.get(text)
    except (InvalidDocument, TooComplex):
        return
    assert isinstance(found, Document)


# ---- introspection and suggestions


@pytest.mark.parametrize("text", ["{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'])
def test_introspection_can_be_switched_off(text: str) -> None:
    assert documents().get(text)
    code, errors = wrong(text, introspection=False)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert any("introspection" in error.message.lower() for error in errors)


def test_the_type_name_is_told_also_without_introspection() -> None:
    assert documents(introspection=False).get("{ __typename name }")


@pytest.mark.parametrize(
    "text",
    [
        "{ nam }",
        "{ friend(bye: {}) { name } }",
        "{ friend(by: {nam: 1}) { name } }",
        "{ ... on Quer { name } }",
        "query ($a: B) { friend(by: $a) { name } }",
    ],
)
def test_suggestions_can_be_switched_off(text: str) -> None:
    assert any("Did you mean" in error.message for error in wrong(text)[1])
    assert not any("Did you mean" in error.message for error in wrong(text, suggestions=False)[1])


# ---- limits


def test_a_document_of_too_many_tokens_is_too_complex() -> None:
    held = documents(limits=Limits(tokens=50))
    assert held.get("{ " + "name " * 40 + "}")
    with pytest.raises(TooComplex, match="has 62 tokens; at most 50"):
        held.get("{ " + "name " * 60 + "}")


def test_a_document_that_nests_too_deep_is_too_complex() -> None:
    held = documents(limits=Limits(depth=5))
    assert held.get("{ friend " * 4 + "{ name }" + " }" * 4)
    with pytest.raises(TooComplex, match="nests 6 fields deep; at most 5"):
        held.get("{ friend " * 5 + "{ name }" + " }" * 5)


def test_depth_is_refused_before_the_document_is_held_against_the_schema() -> None:
    with pytest.raises(TooComplex):
        documents(limits=Limits(depth=5)).get("{ wrong " * 9 + "{ name }" + " }" * 9)


def test_fragments_that_multiply_do_not_take_for_ever() -> None:
    """Each fragment spreads the next one twice: 2^40 fields when written out."""
    fragments = " ".join(
        f"fragment f{place} on Query {{ a: friend {{ ...f{place + 1} }} b: friend {{ ...f{place + 1} }} }}"
        for place in range(40)
    )
    text = f"{{ ...f0 }} {fragments} fragment f40 on Query {{ name }}"
    with pytest.raises(TooComplex):
        documents().get(text)


def test_the_query_of_the_explorer_is_within_the_usual_limits() -> None:
    text = get_introspection_query(
        specified_by_url=True, schema_description=True, directive_is_repeatable=True
    )
    assert documents(schema=read_schema()).get(text)

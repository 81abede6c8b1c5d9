"""What the public contract promises is served, or stands in the list of what is still to come."""

from pathlib import Path

from graphql import (
    DangerousChangeType,
    GraphQLInputObjectType,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

from tests.support.world import schema

CONTRACT = build_schema((Path(__file__).parent / "contract.graphql").read_text("utf-8"))
DEFAULTS = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
}


def test_what_the_contract_promises_is_served() -> None:
    told = [change.description for change in find_breaking_changes(CONTRACT, schema())]
    assert told == []


def test_defaults_are_those_of_the_contract() -> None:
    changes = find_dangerous_changes(CONTRACT, schema())
    assert [change.description for change in changes if change.type in DEFAULTS] == []


def test_one_field_of_an_input_is_asked_for_where_the_contract_says_so() -> None:
    both = [
        (type_, served)
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLInputObjectType)
        if isinstance(served := schema().type_map.get(name), GraphQLInputObjectType)
    ]
    assert sum(type_.is_one_of for type_, _ in both) >= 4
    assert [type_.name for type_, served in both if type_.is_one_of != served.is_one_of] == []

"""What the public contract promises is served, or stands in the list of what is still to come."""

import re
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
REMOVED = re.compile(r"(?:Field )?(\S+) was removed\.")
DEFAULTS = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
}

# Whoever serves one of these takes it out of here.
NOT_SERVED_YET = {
    # People.
    *(
        "Query.person",
        "Query.people",
        "Contact.person",
        "Person",
        "PersonBy",
        "PersonConnection",
        "PersonEdge",
    ),
    *("PersonMember", "PersonSuggestion", "MatchReason", "MatchRule", "FieldProvenance", "FieldCandidate"),
    *("Query.identityConflicts", "IdentityConflict", "IdentityConflictConnection", "IdentityConflictEdge"),
    *("Mutation.linkContacts", "Mutation.unlinkContacts", "Mutation.neverSame"),
    *("LinkContactsInput", "LinkContactsPayload"),
    *("Mutation.updatePerson", "UpdatePersonInput", "UpdatePersonPayload"),
    *("Query.drift", "Mutation.syncPerson", "SyncPersonInput", "SyncPersonPayload", "FieldChange"),
    *("Query.exportPerson", "Mutation.erasePerson", "ErasePersonInput", "ErasePersonPayload"),
    # Real time.
}


def test_what_the_contract_promises_is_served_but_for_what_is_listed() -> None:
    told = [change.description for change in find_breaking_changes(CONTRACT, schema())]
    removed = {found[1] for each in told if (found := REMOVED.fullmatch(each))}
    assert [each for each in told if not REMOVED.fullmatch(each)] == []
    assert removed == NOT_SERVED_YET


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

"""Documents are looked at before they are offered, and their variables become what a tool takes."""

from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.app import sdl
from gateway.assistant import operations
from gateway.assistant.arguments import json_schema
from gateway.assistant.operations import BadDocument, Operation
from gateway.engine.cost import price
from gateway.engine.documents import Documents
from gateway.engine.limits import Limits

SCHEMA = build_schema(sdl())
READ = "# Reads.\nquery Sources { sources { name } }"
WRITE = (
    "# Writes.\nmutation Rename($id: ID!, $name: String) "
    "{ updateContact(input: {id: $id, contact: {name: $name}}) { outcome { status } } }"
)


def read(folder: Path, **files: str) -> dict[str, Operation]:
    for name, text in files.items():
        (folder / f"{name}.graphql").write_text(text)
    return operations.read(folder, SCHEMA)


def form(document: str, sdl_text: str | None = None) -> Any:
    schema = SCHEMA if sdl_text is None else build_schema(sdl_text)
    node = parse(document)
    assert validate(schema, node) == []
    (operation,) = (each for each in node.definitions if isinstance(each, OperationDefinitionNode))
    return json_schema(operation, schema)


def fits(schema: Any, value: Any) -> bool:
    return not list(Draft202012Validator(schema).iter_errors(value))


# ---- those that come along


def test_the_documents_that_come_along_are_read_and_described() -> None:
    found = operations.read(operations.SHIPPED, SCHEMA)
    assert {"search_contacts", "get_contact", "list_sources", "update_contact"} <= found.keys()
    for operation in found.values():
        Draft202012Validator.check_schema(operation.input_schema)
        assert len(operation.description) > 40
        for name, variable in operation.input_schema["properties"].items():
            assert variable.get("description") or name in {"messages"}, f"{operation.name}({name})"


def test_none_of_those_that_come_along_deletes_or_unites() -> None:
    fields = {each.mutation for each in operations.read(operations.SHIPPED, SCHEMA).values() if each.writes}
    assert fields == {
        *("createContact", "updateContact", "updateContactTags", "sendMessage", "createGroup", "updateGroup")
    }


def test_the_gateway_takes_whatever_is_sent_for_those_that_come_along() -> None:
    documents = Documents(SCHEMA, Limits(), introspection=False)
    for operation in operations.read(operations.SHIPPED, SCHEMA).values():
        for each in filter(None, (operation.main, operation.trial, operation.preview)):
            taken = documents.get(each.text)
            assert taken.operations.keys() == {each.name}
            (node,) = (d for d in taken.node.definitions if isinstance(d, OperationDefinitionNode))
            cost = price(SCHEMA, node, taken.fragments).expected({"first": 100, "messages": 100})
            assert cost.calls <= Limits().calls
            assert cost.points <= Limits().points


# ---- what a document has to be


def test_a_document_becomes_a_tool_with_its_name_title_and_description(tmp_path: Path) -> None:
    comments = "# @title Look them up\n# First line,\n# second.\n\n# Not of the description."
    text = f"{comments}\nquery FindURLNow {{ sources {{ name }} }}"
    (found,) = read(tmp_path, any=text).values()
    assert (found.name, found.title, found.description) == (
        "find_url_now",
        "Look them up",
        "First line,\nsecond.",
    )
    assert not found.writes


def test_a_description_of_the_operation_itself_counts_and_is_not_sent(tmp_path: Path) -> None:
    text = (
        '"""What is there."""\nquery Sources("How." $a: Boolean = true) { sources { name @include(if: $a) } }'
    )
    (found,) = read(tmp_path, any=text).values()
    assert found.description == "What is there."
    assert found.input_schema["properties"]["a"]["description"] == "How."
    assert '"' not in found.main.text


def test_a_write_has_a_trial_that_leaves_its_field_out(tmp_path: Path) -> None:
    (found,) = read(tmp_path, any=WRITE.replace("# Writes.", "# Writes.\n# @idempotent")).values()
    assert found.writes
    assert (found.additive, found.idempotent) == (False, True)
    assert found.trial is not None
    assert "@skip(if: true)" in found.trial.text
    assert "@skip" not in found.main.text


def test_a_query_beside_a_mutation_shows_what_it_changes(tmp_path: Path) -> None:
    (found,) = read(
        tmp_path, any=f"{WRITE} query Now($id: ID!) {{ contact(by: {{id: $id}}) {{ id }} }}"
    ).values()
    assert found.preview is not None
    assert found.preview.given({"id": "1", "name": "Ada"}) == {"id": "1"}
    assert "query" not in found.main.text


BAD = {
    "no description": "query Sources { sources { name } }",
    "no name": "# Reads.\n{ sources { name } }",
    "a syntax error": "# Reads.\nquery {",
    "a field that is not there": "# Reads.\nquery Sources { sourcez { name } }",
    "two queries": "# Reads.\nquery A { sources { name } } query B { sources { name } }",
    "two mutations": f"{WRITE} {WRITE.partition(chr(10))[2].replace('Rename', 'Again')}",
    "two fields": "# W.\nmutation M($i: DeleteContactsInput!) { a: deleteContacts(input: $i) { deletedIds } "
    "b: deleteContacts(input: $i) { deletedIds } }",
    "a directive at the root": WRITE.replace(") { outcome", ") @include(if: true) { outcome"),
    "a preview with a variable of its own": f"{WRITE} query Now($of: ID!) {{ node(id: $of) {{ id }} }}",
    "a file": "# W.\nmutation M($i: ImportContactsInput!) { importContacts(input: $i) { job { id } } }",
    "our own variable": "# R.\nquery Q($confirmation: ID!) { node(id: $confirmation) { id } }",
    "an unknown mark": "# R.\n# @destructive\nquery Q { sources { name } }",
    "a mark for writes": "# R.\n# @additive\nquery Q { sources { name } }",
    "the name of another tool": "# R.\nquery SearchSchema { sources { name } }",
    "no UTF-8": "\udcff",
    "too much": "#" * (64 * 1024 + 1),
}


@pytest.mark.parametrize("what", BAD)
def test_a_document_with_a_fault_is_refused_by_its_name(tmp_path: Path, what: str) -> None:
    (tmp_path / "odd.graphql").write_bytes(BAD[what].encode(errors="surrogateescape"))
    with pytest.raises(BadDocument, match=r"^odd\.graphql: ."):
        operations.read(tmp_path, SCHEMA)


def test_two_documents_of_one_name_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="no documents"):
        operations.read(tmp_path, SCHEMA)
    with pytest.raises(BadDocument, match=r"^b\.graphql: there is another"):
        read(tmp_path, a=READ, b=READ)


# ---- variables as JSON Schema


def test_variables_that_have_to_be_given_are_required_and_others_may_be_null() -> None:
    found = form("query Q($id: ID!, $n: Int = 3, $m: Int! = 4) { node(id: $id) { id } groups(first: $n) "
                 "{ nodes { members(first: $m) { totalCount } } } }")  # fmt: skip
    assert found["required"] == ["id"]
    assert (found["properties"]["n"]["default"], found["properties"]["m"]["default"]) == (3, 4)
    assert fits(found, {"id": "x", "n": None})
    for odd in ({}, {"id": None}, {"id": "x", "m": None}, {"id": "x", "n": 2**31}, {"id": "x", "z": 1}):
        assert not fits(found, odd), odd


def test_descriptions_come_from_where_a_variable_stands() -> None:
    found = form(
        "query Q($a: ID!, $s: Source!) { contact(by: {sourceId: {source: $s, sourceId: $a}}) { id } }"
    )
    assert found["properties"]["a"]["description"] == "The id within the source."
    assert found["properties"]["s"]["description"] == "The source that gave the id."


def test_enums_lists_and_input_objects_are_told_with_their_descriptions() -> None:
    found = form(
        "query Q($o: ContactOrder, $s: [Source!]) { contacts(orderBy: $o, sources: $s) { totalCount } }"
    )
    assert found["$defs"]["Source"]["enum"] == ["SAMESPACE", "PACKAGEX", "SMART_SENDER"]
    assert "PACKAGEX: PackageX: people, and groups of them." in found["$defs"]["Source"]["description"]
    assert found["$defs"]["ContactOrder"]["properties"]["direction"]["default"] == "ASC"
    assert fits(found, {"o": {"field": "NAME"}, "s": ["PACKAGEX"]})
    for odd in (
        {"o": {}},
        {"o": {"field": "AGE"}},
        {"s": [None]},
        {"s": ["X"]},
        {"o": {"field": "NAME", "x": 1}},
    ):
        assert not fits(found, odd), odd


def test_of_one_of_exactly_one_is_taken() -> None:
    found = form("query Q($by: ContactBy!) { contact(by: $by) { id } }")
    assert fits(found, {"by": {"id": "x"}})
    assert fits(found, {"by": {"sourceId": {"source": "PACKAGEX", "sourceId": "1", "module": None}}})
    for odd in ({}, {"id": None}, {"id": "x", "sourceId": {"source": "PACKAGEX", "sourceId": "1"}}):
        assert not fits(found, {"by": odd}), odd


def test_a_type_that_holds_itself_ends() -> None:
    text = "input Part { name: String!, parts: [Part!] } type Query { all(of: Part): Int }"
    found = form("query Q($p: Part) { all(of: $p) }", text)
    assert fits(found, {"p": {"name": "a", "parts": [{"name": "b"}]}})
    assert not fits(found, {"p": {"name": "a", "parts": [{}]}})


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda each: st.lists(each, max_size=3)))
def test_any_value_fits_where_the_schema_takes_any(value: Any) -> None:
    found = form(
        'query Q($v: JSON) { contacts(filter: {properties: [{key: "k", equals: $v}]}) { totalCount } }'
    )
    assert fits(found, {"v": value})

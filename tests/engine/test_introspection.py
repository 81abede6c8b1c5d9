"""What a schema tells of itself is told again as it was told before, and never grows without bound."""

from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, build_schema, execute_sync, get_introspection_query, parse

from gateway.engine import executor
from gateway.engine.compiled.telling import Written
from gateway.engine.documents import Document, Documents
from gateway.engine.executor import Call
from gateway.engine.introspection import HELD, Introspections
from gateway.engine.limits import Limits
from tests.support.told import read

SDL = "type Query { name(of: Int): String other: Query } type Other { id: ID! }"
SCHEMA = build_schema(SDL)
ONE_TYPE = "query ($name: String!) { __typename one: __type(name: $name) { name fields { name } } }"
ALL = get_introspection_query()


def again(result: ExecutionResult) -> bool:
    """Whether it was told as before."""
    return any(isinstance(each, Written) for each in (result.data or {}).values())


def documents() -> Documents:
    return Documents(SCHEMA, Limits())


async def ask(document: Document, variables: Any = None, operation: str | None = None, **more: Any) -> Any:
    call = Call(operation=operation, variables=variables, context=None, **more)
    result: ExecutionResult = await executor.run(document, call)
    return result


@pytest.mark.parametrize(
    ("text", "variables"), [(ALL, None), (ONE_TYPE, {"name": "Query"}), (ONE_TYPE, {"name": "Nothing"})]
)
async def test_it_is_told_once_and_is_what_graphql_core_tells(
    text: str, variables: dict[str, Any] | None
) -> None:
    document = documents().get(text)
    expected = execute_sync(SCHEMA, parse(text), variable_values=variables).data
    for time in range(3):
        result = await ask(document, variables)
        assert again(result) is (time > 0)
        assert orjson.dumps(read(result.data)) == orjson.dumps(expected)
        assert result.errors is None
        result.data["mine"] = 1  # who gets it may do with it what it likes


async def test_other_variables_operations_and_documents_are_told_for_themselves() -> None:
    known = documents()
    for time, name in enumerate(("Query", "Other", "Query")):
        result = await ask(known.get(ONE_TYPE), {"name": name})
        assert (read(result.data)["one"]["name"], again(result)) == (name, time > 1)
    two = known.get('query A { a: __type(name: "Other") { name } } query B { __schema { types { name } } }')
    for _ in range(2):
        assert read((await ask(two, None, "A")).data) == {"a": {"name": "Other"}}
        assert list((await ask(two, None, "B")).data) == ["__schema"]


async def test_errors_are_not_kept() -> None:
    known = documents()
    for _ in range(2):
        result = await ask(known.get(ONE_TYPE), {"name": 5})
        assert (result.data, len(result.errors)) == (None, 1)
    assert known._introspections._kept.currsize == 0


@pytest.mark.parametrize("text", ["{ __typename }", "{ name __schema { types { name } } }"])
async def test_what_asks_for_more_or_for_less_is_carried_out(text: str) -> None:
    known = documents()
    for _ in range(2):
        assert not again(await ask(known.get(text)))
    assert known._introspections._kept.currsize == 0


async def test_who_stands_around_resolvers_is_asked_each_time() -> None:
    class Around:
        def resolve(self, following: Any, source: Any, info: Any, /, **arguments: Any) -> Any:
            return following(source, info, **arguments)

    document = documents().get(ALL)
    for _ in range(2):
        await ask(document)
        assert not again(await ask(document, middleware=[Around()]))


async def test_it_takes_no_more_room_than_there_is() -> None:
    known = documents()
    for number in range(300):
        text = f'{{ __schema {{ types {{ name }} }} a{number}: __type(name: "Query") {{ name }} }}'
        for _ in range(2):
            assert read((await ask(known.get(text))).data)[f"a{number}"] == {"name": "Query"}
    assert 0 < known._introspections._kept.currsize <= 2_000_000
    none = Introspections(10)
    none.keep("document", None, None, {"__schema": {"types": ["long enough"]}})
    assert none.find("document", None, None) is None


async def test_what_cannot_be_named_or_written_is_told_anew() -> None:
    kept = Introspections()
    kept.keep("document", None, {"file": object()}, {"__schema": {}})
    assert kept.find("document", None, {"file": object()}) is None
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    kept.keep("document", None, None, {"__schema": deep})
    assert kept.find("document", None, None) is None


async def test_answers_hold_few_documents_that_are_not_kept_any_more() -> None:
    known = documents()
    for number in range(100):
        await ask(known.get(f"query Q{number} {{ __typename __schema @skip(if: true) {{ __typename }} }}"))
    assert len(known._introspections._kept) <= 2_000_000 / HELD

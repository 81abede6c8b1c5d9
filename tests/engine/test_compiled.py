"""Compiled operations answer as graphql-core does: data always, errors but for those under a null."""

import asyncio
import gc
import os
import random
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import orjson
import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    OverlappingFieldsCanBeMergedRule,
    Undefined,
    build_schema,
    execute,
    get_named_type,
    is_leaf_type,
    parse,
    print_ast,
    validate,
)

from gateway.engine.compiled import prepared
from gateway.engine.compiled.prepared import Prepared, prepare
from gateway.engine.compiled.telling import Columns, Selected, Telling, Written
from gateway.engine.schema import from_value
from tests.support.told import read

# `make nightly` sets these: so many documents, and the first of the seeds that they are spread over.
COUNT = int(os.environ.get("COMPILED_QUERIES", "2000"))
FIRST = int(os.environ.get("COMPILED_SEED", "0"))
EACH = 250  # documents of a seed
AGAIN = f"COMPILED_SEED={{seed}} COMPILED_QUERIES={EACH} pytest -k random tests/engine/test_compiled.py"
SDL = """
scalar Any
scalar Upper
enum Colour { RED GREEN BLUE }
interface Named { id: ID! name: String }
type Cat implements Named { id: ID! name: String lives: Int! mice: [Mouse!] owner: Person }
type Dog implements Named { id: ID! name: String bones: [[String]!] good: Boolean! friend: Named }
type Mouse { size: Float tail: Upper colour: Colour! cheese(kind: String = "old", much: Int): String }
union Pet = Cat | Dog
type Person {
  id: ID!
  nick: String!
  age: Int
  tags: [String!]!
  any: Any
  colours: [Colour]
  pets(first: Int = 2, named: [Filter!]): [Pet!]
  named: [Named]
  best: Pet
  boss: Person
  team: [Person!]
  must: Person!
  late: String!
}
input Filter { name: String = "x" deep: Filter }
type Query { me: Person people(first: Int): [Person] must: Person! pet: Pet named: Named! count: Int! }
type Mutation { one(n: Int!): Person two(n: Int): Person three: Int! }
"""
RESOLVED = {
    ("Person", "pets"), ("Person", "boss"), ("Person", "team"), ("Person", "must"), ("Person", "late"),
    ("Cat", "owner"), ("Dog", "friend"), ("Mouse", "cheese"),
}  # fmt: skip
DEPTH = 3

# What graphql-core cancels beside a null that must not be, it may not have begun.
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine 'later' was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def made() -> GraphQLSchema:
    """The schema, with resolvers at every root and at some other fields."""
    schema = build_schema(SDL)
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLObjectType):
            for key, field in type_.fields.items():
                if type_ in (schema.query_type, schema.mutation_type) or (name, key) in RESOLVED:
                    field.resolve = resolve
    upper: Any = schema.type_map["Upper"]
    upper.coerce_output_value = lambda value: value.upper()
    for name in ("Named", "Pet"):
        abstract: Any = schema.type_map[name]
        abstract.resolve_type = lambda value, *_: value["__typename"]
    return schema


def dice(*about: Any) -> random.Random:
    """Chance that is the same for both executors: it depends on the place in the answer only."""
    return random.Random(crc32(repr(about).encode()))


def resolve(source: Any, info: Any, **arguments: Any) -> Any:
    """A value, a promise of one, a failure, or something odd."""
    place = info.path.as_list()
    if isinstance(source, dict):
        place = [*place, source.get("id")]
    chance = dice(info.context, place, sorted(arguments.items(), key=str))
    value = value_of(info.return_type, chance, 2)
    match chance.randrange(20):
        case 0:
            raise ValueError(f"failed at {place}")
        case 1:
            return ValueError("returned")
        case 2 | 3 | 4 | 5:
            return later(value, chance.randrange(3))
        case 6:
            return later(ValueError(f"failed later at {place}"), chance.randrange(3))
        case 7 | 8:
            return asyncio.ensure_future(later(value, chance.randrange(2)))
    return value


async def later(value: Any, turns: int) -> Any:
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, ValueError):
        raise value
    return value


def value_of(type_: Any, chance: random.Random, depth: int) -> Any:
    """A value of a type, as resolvers return it: mostly as it should be."""
    if isinstance(type_, GraphQLNonNull):
        return None if chance.random() < 0.01 else value_of(type_.of_type, chance, depth)
    if chance.random() < 0.1:
        return None
    if chance.random() < 0.02:
        return chance.choice([7, "odd", [], {}, ("a",), ValueError("lies in it"), 1.5, True, object])
    if isinstance(type_, GraphQLList):
        items = [value_of(type_.of_type, chance, depth) for _ in range(chance.randrange(4))]
        return chance.choice([list, list, by_column, ByThemselves.of])(items)
    if isinstance(type_, GraphQLEnumType):
        return chance.choice(list(type_.values))
    if isinstance(type_, GraphQLScalarType):
        return scalar_of(type_.name, chance)
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        return value_of(chance.choice(list(SCHEMA.get_possible_types(type_))), chance, depth)
    found = {"__typename": type_.name if chance.random() > 0.01 else "Person"}
    for name, field in type_.fields.items():
        if field.resolve is None and (depth or is_leaf_type(get_named_type(field.type))):
            found[name] = value_of(field.type, chance, depth - 1)
        elif field.resolve is None and chance.random() > 0.1:  # else the key is missing, which is the same
            found[name] = None
    return found


def by_column(items: list[Any]) -> Any:
    """A list of objects as columns, where it can be told so."""
    if not items or any(type(each) is not dict or each.keys() != items[0].keys() for each in items):
        return items
    return Columns(lambda: {key: [each[key] for each in items] for key in items[0]})


class ByThemselves(Telling[Any]):
    """A list of objects, each of which tells of itself."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    @classmethod
    def of(cls, items: list[Any]) -> Any:
        """The list, where it holds objects only."""
        return cls(items) if all(type(each) is dict for each in items) else items

    def told(self, selected: Selected) -> Any:
        found = [selected.one(each) for each in self.items]
        try:
            return Written(b"[%b]" % b",".join(map(orjson.dumps, found)), len(found))
        except TypeError:
            return found

    def __getitem__(self, at: Any) -> Any:
        return self.items[at]

    def __len__(self) -> int:
        return len(self.items)


def scalar_of(name: str, chance: random.Random) -> Any:
    match name:
        case "Int":
            return chance.choice([0, -3, 2**31, 10**12, True, 4.0]) if chance.random() < 0.1 else 5
        case "Float":
            return chance.choice([1, 2.5, float("inf")]) if chance.random() < 0.2 else 0.5
        case "Boolean":
            return chance.choice([True, False, 1])
        case "Any":
            return chance.choice([{"a": [1, None]}, [1], "x", 4, False])
    return chance.choice(["text", "é", "", "RED"]) if chance.random() > 0.05 else 12


SCHEMA = made()


# ---- queries


class Queries:
    """Random documents that are valid."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.fragments: list[str] = []
        self.variables: dict[str, tuple[str, Any]] = {}

    def document(self) -> tuple[str, dict[str, Any]]:
        """A text, and values of its variables."""
        root: Any = SCHEMA.mutation_type if self.chance.random() < 0.15 else SCHEMA.query_type
        body = self.selection(root, DEPTH)
        kind = "mutation" if root is SCHEMA.mutation_type else "query"
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in self.variables.items())
        text = f"{kind} {f'({declared})' if declared else ''} {body} {' '.join(self.fragments)}"
        given = {name: value for name, (_, value) in self.variables.items() if self.chance.random() > 0.1}
        return text, given

    def selection(self, type_: Any, depth: int) -> str:
        count = self.chance.randrange(1, 5)
        return "{ " + " ".join(self.part(type_, depth) for _ in range(count)) + " }"

    def part(self, type_: Any, depth: int) -> str:
        roll = self.chance.random()
        if roll < 0.08:
            return f"__typename{self.decided()}"
        if roll < 0.16:
            return f"... {self.condition(type_, depth)}"
        if roll < 0.22:
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            at = len(self.fragments) - 1
            self.fragments[at] = f"fragment {name} on {type_.name} {self.selection(type_, depth)}"
            return f"...{name}{self.decided()}"
        return self.field(type_, depth)

    def condition(self, type_: Any, depth: int) -> str:
        kinds = [type_]
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            kinds = list(SCHEMA.get_possible_types(type_))
        kind = self.chance.choice(kinds)
        return f"on {kind.name}{self.decided()} {self.selection(kind, depth)}"

    def field(self, type_: Any, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType):
            return f"... {self.condition(type_, depth)}"
        fields = [
            (name, field)
            for name, field in type_.fields.items()
            if depth or is_leaf_type(get_named_type(field.type))
        ]
        name, field = self.chance.choice(fields)
        named = get_named_type(field.type)
        alias = f"{name}{self.chance.randrange(3)}: " if self.chance.random() < 0.3 else ""
        below = "" if is_leaf_type(named) else self.selection(named, depth - 1)
        return f"{alias}{name}{self.arguments(field)}{self.decided()} {below}"

    def arguments(self, field: Any) -> str:
        found = []
        for name, argument in field.args.items():
            needed = isinstance(argument.type, GraphQLNonNull)
            if needed or self.chance.random() < 0.5:
                found.append(f"{name}: {self.argument(str(argument.type))}")
        return f"({', '.join(found)})" if found else ""

    def argument(self, type_: str) -> str:
        if type_.strip("!") == "Int":
            if self.chance.random() < 0.5:
                return self.variable("Int!" if type_ == "Int!" else "Int", self.chance.choice([1, 3, 5]))
            return str(self.chance.randrange(5))
        if type_ == "String":
            return '"new"'
        return '[{name: "a", deep: {name: null}}]'

    def decided(self) -> str:
        if self.chance.random() > 0.1:
            return ""
        kind = self.chance.choice(["skip", "include"])
        value = self.chance.choice(["true", "false", ""])
        return f" @{kind}(if: {value or self.variable('Boolean!', self.chance.random() < 0.5)})"

    def variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = (type_, value)
        return f"${name}"


def documents(seed: int, count: int) -> Iterator[tuple[DocumentNode, dict[str, Any]]]:
    """So many valid ones."""
    chance = random.Random(seed)
    while count:
        text, variables = Queries(chance).document()
        document = parse(text)
        # Fields of one key may contradict; all else that makes a document valid, it is made with.
        if not validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule]):
            count -= 1
            yield document, variables


# ---- comparing


async def by_core(document: DocumentNode, variables: dict[str, Any], seed: int) -> ExecutionResult:
    found: Any = execute(
        SCHEMA, document, variable_values=variables, context_value=seed, field_resolver=from_value
    )
    result: ExecutionResult = await found if hasattr(found, "__await__") else found
    return result


@pytest.fixture(scope="module", autouse=True)
def nothing_before() -> None:
    """What other tests have left is not looked through after each of these."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What graphql-core leaves unawaited is warned of when it is collected: now, and not in another test."""
    yield
    gc.collect()


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is about compiling holds whatever the run of the tests says of it."""
    monkeypatch.setattr(prepared, "WORTH_IT", 2)


def ready(document: DocumentNode) -> Prepared:
    found = prepare(SCHEMA, document, None, from_value)
    assert found is not None
    found._asked = sys.maxsize
    return found


def told(result: ExecutionResult) -> set[tuple[str, tuple[Any, ...]]]:
    return {(error.message, tuple(error.path or ())) for error in result.errors or ()}


def nulls(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where an answer is null."""
    if data is None:
        yield path
    elif isinstance(data, dict | list):
        items: Any = data.items() if isinstance(data, dict) else enumerate(data)
        for key, value in items:
            yield from nulls(value, (*path, key))


def same(mine: ExecutionResult, theirs: ExecutionResult) -> None:
    assert read(mine.data) == theirs.data
    empty = set(nulls(theirs.data))
    for one, other in ((mine, theirs), (theirs, mine)):
        for message, path in told(one) - told(other):
            above = [path[:length] for length in range(len(path) + 1) if path[:length] in empty]
            assert above, (message, path)  # two may fail below what is null; which one is told is chance
            assert any(each[1][: len(above[0])] == above[0] for each in told(other)), (message, path)
    assert bool(mine.errors) == bool(theirs.errors)


def test_random_documents_are_made_as_all_rules_want_them() -> None:
    assert [validate(SCHEMA, document) for document, _ in documents(3, 40)] == [[]] * 40


@pytest.mark.parametrize("seed", range(FIRST, FIRST + -(-COUNT // EACH)))
async def test_random_documents_are_answered_alike(seed: int) -> None:
    odd = 0
    for number, (document, variables) in enumerate(documents(seed, EACH)):
        context = seed * EACH + number  # other data for each seed as well
        theirs = await by_core(document, variables, context)
        mine = ready(document)
        try:
            same(await mine.run(variables, context), theirs)
            assert None not in mine._plans.values()  # else nothing was compared
        except Exception as error:
            text = print_ast(document)
            error.add_note(f"{text}\n{variables}\ncontext {context}; once more:\n{AGAIN.format(seed=seed)}")
            raise
        odd += bool(theirs.errors)
    assert odd > EACH // 10  # failures are among what is compared


@pytest.mark.parametrize("value", [ValueError("lies in it"), Undefined, None, ("a",)])
@pytest.mark.parametrize("key", ["any", "shout"])
async def test_scalars_that_take_anything_take_no_errors(key: str, value: Any) -> None:
    schema = build_schema(
        "scalar Any scalar Shout type Person { any: Any shout: Shout } type Query { me: Person }"
    )
    query, shout = schema.query_type, schema.type_map["Shout"]
    query.fields["me"].resolve = lambda *_: {key: value}  # type: ignore[union-attr]
    shout.coerce_output_value = repr  # type: ignore[attr-defined]
    text = f"{{ me {{ {key} }} }}"
    mine = prepare(schema, parse(text), None, from_value)
    assert mine is not None
    mine._asked = sys.maxsize
    theirs: Any = execute(schema, parse(text), field_resolver=from_value)
    same(await mine.run({}, None), theirs)


async def test_an_odd_item_that_fails_later_spoils_a_list_without_nulls() -> None:
    schema = made()
    person: Any = schema.type_map["Person"]
    query: Any = schema.query_type
    query.fields["must"].resolve = lambda *_: {}
    person.fields["team"].resolve = lambda *_: [{"age": 2**31}]
    person.fields["late"].resolve = lambda *_: later(ValueError("failed"), 1)
    document = parse("{ must { team { age late } } }")
    mine = prepare(schema, document, None, from_value)
    assert mine is not None
    mine._asked = sys.maxsize
    theirs: Any = execute(schema, document, field_resolver=from_value)
    result = await mine.run({}, None)
    same(result, await theirs)
    assert result.data == {"must": {"team": None}}


async def test_nothing_of_an_odd_value_is_held_once_it_is_answered() -> None:
    class Record(dict[str, Any]):
        """As a dict, but it can be looked for."""

    met: list[weakref.ref[Record]] = []

    def resolve(*_: Any) -> Record:
        record = Record(id="one", nick=ValueError("lies in it"))
        met.append(weakref.ref(record))
        return record

    schema = made()
    schema.query_type.fields["me"].resolve = resolve  # type: ignore[union-attr]
    mine = prepare(schema, parse("{ me { id nick } }"), None, from_value)
    assert mine is not None
    mine._asked = sys.maxsize
    assert (await mine.run({}, None)).errors
    gc.collect()
    assert [found() for found in met] == [None]


async def test_one_that_is_made_ready_serves_all_variables_and_contexts() -> None:
    for document, variables in documents(99, 40):
        mine = ready(document)
        for context in range(4):
            given = {
                name: (not value if isinstance(value, bool) and context % 2 else value)
                for name, value in variables.items()
            }
            same(await mine.run(given, context), await by_core(document, given, context))


async def test_many_at_the_same_time_do_not_meet() -> None:
    for document, variables in documents(7, 20):
        mine = ready(document)
        found = await asyncio.gather(*(mine.run(variables, context) for context in range(5)))
        for context, each in enumerate(found):
            same(each, await by_core(document, variables, context))


async def test_fields_of_mutations_are_carried_out_one_after_another() -> None:
    order: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        async def work(*_: Any, **__: Any) -> Any:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")
            return {"id": name, "nick": name, "tags": []}

        return work

    schema = made()
    for name in ("one", "two"):
        schema.mutation_type.fields[name].resolve = noted(name)  # type: ignore[union-attr]
    mine = prepare(
        schema, parse("mutation { one(n: 1) { id } two { id } again: one(n: 2) { nick } }"), None, from_value
    )
    assert mine is not None
    mine._asked = sys.maxsize
    result = await mine.run({}, 0)
    assert result.data == {"one": {"id": "one"}, "two": {"id": "two"}, "again": {"nick": "one"}}
    assert order == [f"{name} {what}" for name in ("one", "two", "one") for what in ("begins", "ends")]


async def test_a_field_that_is_quick_does_not_wait_for_one_that_is_slow() -> None:
    slow = asyncio.get_running_loop().create_future()
    reached = asyncio.Event()
    schema = made()
    people: Any = schema.query_type
    people.fields["people"].resolve = lambda *_, **__: [{"id": "a"}, {"id": "b"}]
    person: Any = schema.type_map["Person"]

    def boss(source: Any, *_: Any) -> Any:
        return slow if source["id"] == "a" else later({"id": "c"}, 1)

    async def late(*_: Any) -> str:
        reached.set()
        return "there"

    person.fields["boss"].resolve, person.fields["late"].resolve = boss, late
    mine = prepare(schema, parse("{ people { boss { id late } } }"), None, from_value)
    assert mine is not None
    mine._asked = sys.maxsize
    running = asyncio.create_task(mine.run({}, 0))
    await reached.wait()
    assert not running.done()
    slow.set_result(None)
    result = await running
    assert result.data == {"people": [{"boss": None}, {"boss": {"id": "c", "late": "there"}}]}


async def test_what_is_under_way_ends_with_its_operation() -> None:
    ended: list[str] = []

    async def forever(*_: Any, **__: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    schema = made()
    query: Any = schema.query_type
    query.fields["me"].resolve = query.fields["must"].resolve = forever
    mine = prepare(schema, parse("{ me { id } must { id } }"), None, from_value)
    assert mine is not None
    mine._asked = sys.maxsize
    running = asyncio.create_task(mine.run({}, 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["ended", "ended"]


@pytest.mark.parametrize(
    "text", ["{ __schema { types { name } } }", '{ __type(name: "Cat") { name } me { id } }']
)
@pytest.mark.usefixtures("compiling")
async def test_introspection_is_left_to_graphql_core(text: str) -> None:
    document = parse(text)
    mine = ready(document)
    assert (await mine.run({}, 1)).data == (await by_core(document, {}, 1)).data
    assert set(mine._plans.values()) == {None}


@pytest.mark.usefixtures("compiling")
async def test_the_first_time_nothing_is_compiled() -> None:
    mine = prepare(SCHEMA, parse("{ count }"), None, from_value)
    assert mine is not None
    await mine.run({}, 1)
    assert mine._plans == {}
    await mine.run({}, 1)
    assert len(mine._plans) == 1


async def test_variables_that_are_wrong_are_told_as_graphql_core_does() -> None:
    document = parse("query ($n: Int!) { people(first: $n) { id } }")
    for given in ({}, {"n": "x"}, {"n": None}):
        mine, theirs = await ready(document).run(given, 1), await by_core(document, given, 1)
        assert (mine.data, told(mine)) == (theirs.data, told(theirs))


@pytest.mark.usefixtures("compiling")
async def test_plans_of_one_document_are_bounded() -> None:
    names = [f"v{number}" for number in range(6)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"c{name}: count @include(if: ${name})" for name in names)
    document = parse(f"query ({declared}) {{ {fields} __typename }}")
    mine = ready(document)
    for number in range(64):
        given = {name: bool(number >> place & 1) for place, name in enumerate(names)}
        same(await mine.run(given, 1), await by_core(document, given, 1))
    assert len(mine._plans) == prepared.MOST_PLANS

"""Operations made out of the schema, against the emulators: whatever is asked, the answer has its form."""

import asyncio
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from tests.fuzz.form import check
from tests.support import world as worlds

EXAMPLES = 6
SIGNS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
SCALARS = {
    "JSON": st.one_of(st.integers(-9, 9).map(nodes.Int), SIGNS.map(nodes.String), st.just(nodes.Null)),
    "DateTime": st.one_of(
        st.datetimes().map(lambda time: nodes.String(f"{time.isoformat()}Z")), SIGNS.map(nodes.String)
    ),
    "Upload": SIGNS.map(nodes.String),
}
FIELDS = {
    kind: sorted(root.fields)
    for kind, root in (("query", worlds.schema().query_type), ("mutation", worlds.schema().mutation_type))
    if root is not None
}
# The same every time and nothing kept: what longer runs find becomes a test of its own.
AGAIN = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def operations(kind: str, field: str, *, codec: str | None = "utf-8") -> st.SearchStrategy[str]:
    """Operations with this field at their root."""
    made = queries if kind == "query" else mutations
    found: st.SearchStrategy[str] = made(
        worlds.schema(), fields=(field,), custom_scalars=SCALARS, codec=codec, allow_x00=True
    )
    return found


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in FIELDS.items() for field in fields]
)
def test_every_operation_is_answered_in_form(kind: str, field: str) -> None:
    with asyncio.Runner() as runner:
        made = worlds.build(40)
        runner.run(made.scan())

        @AGAIN
        @given(operations(kind, field))
        def ask(query: str) -> None:
            async def asked() -> Any:
                async with asyncio.timeout(30):
                    return await made.client.post("/graphql", json={"query": query})

            check(runner.run(asked()), asked=query)

        ask()
        runner.run(worlds.close(made))


IDS = st.one_of(st.text(alphabet=string.ascii_letters + string.digits + "-_=", max_size=60), SIGNS)


@AGAIN
@given(st.lists(IDS, max_size=5), IDS, st.integers(-(2**40), 2**40))
def test_ids_and_cursors_that_nobody_gave_out_are_answered_in_form(
    ids: list[str], one: str, size: int
) -> None:
    query = """query ($ids: [ID!]!, $id: ID!, $after: String, $n: Int) {
      nodes(ids: $ids) { id }  node(id: $id) { id }  contact(by: { id: $id }) { id }
      importJob(id: $id) { id }
      contacts(first: $n, after: $after) { nodes { id } }  events(after: $after) { nodes { id } }
    }"""
    with asyncio.Runner() as runner:
        made = worlds.build(20)
        given = {"ids": ids, "id": one, "after": one, "n": size}
        check(
            runner.run(made.client.post("/graphql", json={"query": query, "variables": given})), asked=given
        )
        runner.run(worlds.close(made))


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), SIGNS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SIGNS, inner, max_size=3)),
    max_leaves=6,
)
NEARLY = st.fixed_dictionaries(
    {
        "__typename": st.sampled_from(
            ["Contact", "Group", "Property", "Event", "ImportJob", "Module", "Query"]
        )
    },
    optional={
        "id": st.one_of(IDS, ANYTHING),
        "source": st.one_of(st.sampled_from(["SAMESPACE", "PACKAGEX", "SMART_SENDER"]), ANYTHING),
        "sourceId": st.one_of(IDS, st.integers(1, 10**6).map(str), ANYTHING),
    },
)


@AGAIN
@given(st.lists(st.one_of(NEARLY, ANYTHING), max_size=6))
def test_representations_of_anything_are_answered_in_form_and_in_their_order(given: list[Any]) -> None:
    query = "query ($given: [_Any!]!) { _entities(representations: $given) { __typename } }"
    with asyncio.Runner() as runner:
        made = worlds.build(20)
        answer = runner.run(
            made.client.post("/graphql", json={"query": query, "variables": {"given": given}})
        )
        check(answer, asked=given)
        found = (answer.json().get("data") or {}).get("_entities")
        assert len(found) == len(given) if None not in given else found is None
        runner.run(worlds.close(made))

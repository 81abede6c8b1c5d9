"""gql, which checks every document against the schema that it asks for first."""

import io
import os
import unittest

from gql import Client, FileVar, gql
from gql.dsl import DSLQuery, DSLSchema, dsl_gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from graphql import GraphQLError

URL = f"{os.environ['CLIENTS_GATEWAY']}/graphql"
HEADERS = {"authorization": f"Bearer {os.environ['CLIENTS_KEY']}"}
IMPORT = """
mutation Try($file: Upload!) {
  importContacts(input: { targets: [{ source: PACKAGEX }], dryRun: true, file: $file }) {
    job { state reports { created failed } }
    userErrors { code }
  }
}
"""


def client(**options: object) -> Client:
    """A client that reads the schema by introspection first."""
    return Client(
        transport=HTTPXAsyncTransport(url=URL, headers=HEADERS), fetch_schema_from_transport=True, **options
    )


class Gql(unittest.IsolatedAsyncioTestCase):
    async def test_a_query_is_checked_here_and_answered_there(self) -> None:
        async with client() as session:
            asked = gql("query ($first: Int) { contacts(first: $first) { nodes { source } } }")
            asked.variable_values = {"first": 3}
            answer = await session.execute(asked)
        sources = [node["source"] for node in answer["contacts"]["nodes"]]
        self.assertEqual(sources, ["SAMESPACE", "PACKAGEX", "SMART_SENDER"])

    async def test_the_schema_refuses_what_it_lacks_before_anything_is_sent(self) -> None:
        async with client() as session:
            with self.assertRaisesRegex(GraphQLError, "nope"):
                await session.execute(gql("{ nope }"))

    async def test_scalars_and_enums_are_read_by_the_schema(self) -> None:
        async with client(parse_results=True) as session:
            answer = await session.execute(gql("{ sources { source status } }"))
        self.assertEqual(len(answer["sources"]), 3)

    async def test_queries_are_written_in_python(self) -> None:
        async with client() as session:
            schema = DSLSchema(session.client.schema)
            nodes = schema.ContactConnection.nodes.select(schema.Contact.id, schema.Contact.displayName)
            contacts = schema.Query.contacts(first=2, sources=["PACKAGEX"]).select(nodes)
            answer = await session.execute(dsl_gql(DSLQuery(contacts)))
        self.assertEqual(len(answer["contacts"]["nodes"]), 2)

    async def test_a_file_is_sent_along(self) -> None:
        asked = gql(IMPORT)
        file = io.BytesIO(b"Name,Email\nAda Quux,ada.gql@example.com\nNo One,nobody@\n")
        asked.variable_values = {"file": FileVar(file, filename="people.csv", content_type="text/csv")}
        async with client() as session:
            answer = await session.execute(asked, upload_files=True)
        imported = answer["importContacts"]
        self.assertEqual(imported["userErrors"], [])
        self.assertEqual(imported["job"], {"state": "FINISHED", "reports": [{"created": 1, "failed": 1}]})

    async def test_an_error_has_its_code(self) -> None:
        asked = gql("query ($after: String) { contacts(after: $after) { nodes { id } } }")
        asked.variable_values = {"after": "no cursor"}
        async with client() as session:
            with self.assertRaises(TransportQueryError) as caught:
                await session.execute(asked)
        self.assertEqual(caught.exception.errors[0]["extensions"]["code"], "CURSOR_INVALID")
        self.assertIn("requestId", caught.exception.extensions)


if __name__ == "__main__":
    unittest.main()

"""ariadne-codegen: a typed client made out of our schema and some documents, and its run."""

import importlib
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GATEWAY = os.environ["CLIENTS_GATEWAY"]
HEADERS = {"authorization": f"Bearer {os.environ['CLIENTS_KEY']}"}
SETTINGS = """
[tool.ariadne-codegen]
schema_path = "schema.graphql"
queries_path = "asked.graphql"
target_package_name = "people"
include_all_inputs = false
include_all_enums = false

[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"
"""


class AriadneCodegen(unittest.IsolatedAsyncioTestCase):
    people: Any

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        request = urllib.request.Request(f"{GATEWAY}/schema.graphql", headers=HEADERS)
        with urllib.request.urlopen(request) as answer:
            (folder / "schema.graphql").write_bytes(answer.read())
        (folder / "asked.graphql").write_bytes((HERE / "asked.graphql").read_bytes())
        (folder / "pyproject.toml").write_text(SETTINGS)
        command = Path(sys.executable).with_name("ariadne-codegen")
        subprocess.run([command], cwd=folder, check=True, capture_output=True)
        sys.path.insert(0, str(folder))
        cls.people = importlib.import_module("people")

    def client(self) -> Any:
        return self.people.Client(url=f"{GATEWAY}/graphql", headers=HEADERS)

    async def test_pages_are_read_as_typed_values(self) -> None:
        async with self.client() as client:
            seen, after, more = [], None, True
            while more:
                page = (await client.people(first=50, after=after)).contacts
                seen += page.nodes
                more, after = page.page_info.has_next_page, page.page_info.end_cursor
        self.assertEqual(len({person.id for person in seen}), len(seen))
        self.assertEqual({person.source for person in seen}, set(self.people.Source))
        self.assertIsNotNone(seen[0].as_of.tzinfo)

    async def test_one_of_two_names_a_contact(self) -> None:
        async with self.client() as client:
            first = (await client.people(first=1)).contacts.nodes[0]
            one = await client.one(by=self.people.ContactBy(id=first.id))
        self.assertEqual(one.contact.display_name, first.display_name)

    async def test_things_are_told_apart_by_their_type(self) -> None:
        async with self.client() as client:
            page = (await client.people(first=2)).contacts.nodes
            things = (await client.things(ids=[person.id for person in page])).nodes
        self.assertEqual({type(thing).__name__ for thing in things}, {"ThingsNodesContact"})

    async def test_a_mutation_sends_what_was_set_and_nothing_else(self) -> None:
        async with self.client() as client:
            before = (await client.people(first=1, sources=[self.people.Source.PACKAGEX])).contacts.nodes[0]
            contact = self.people.ContactInput(firstName="Ariadne")
            done = await client.rename(input=self.people.UpdateContactInput(id=before.id, contact=contact))
        self.assertEqual(done.update_contact.user_errors, [])
        self.assertEqual(done.update_contact.outcome.applied, ["firstName"])
        self.assertEqual(done.update_contact.contact.first_name, "Ariadne")
        self.assertEqual(done.update_contact.contact.emails, before.emails)

    async def test_an_error_has_its_code(self) -> None:
        async with self.client() as client:
            with self.assertRaises(self.people.GraphQLClientGraphQLMultiError) as caught:
                await client.people(after="no cursor")
        self.assertEqual(caught.exception.errors[0].extensions["code"], "CURSOR_INVALID")


if __name__ == "__main__":
    unittest.main()

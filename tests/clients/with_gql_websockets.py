"""gql over a WebSocket: subscriptions, and whatever else shares the connection."""

import asyncio
import os
import unittest

from gql import Client, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError
from websockets.exceptions import ConnectionClosed

URL = f"{os.environ['CLIENTS_GATEWAY'].replace('http', 'ws', 1)}/graphql"
KEY = {"authorization": f"Bearer {os.environ['CLIENTS_KEY']}"}
LIVE = """
subscription Live($after: String) {
  events(after: $after, filter: { types: [CONTACT_CREATED] }) {
    cursor
    node { contactId contact { firstName } }
  }
}
"""
CREATE = """
mutation Create($firstName: String!) {
  createContact(input: { contact: { firstName: $firstName }, targets: [{ source: PACKAGEX }] }) {
    contacts { id }
  }
}
"""


def client(**options: object) -> Client:
    """A client that reads the schema over the socket first."""
    transport = WebsocketsTransport(URL, **options)
    return Client(transport=transport, fetch_schema_from_transport=True)


async def created(session: AsyncClientSession, name: str) -> str:
    """Have a contact created over the same socket; its id."""
    asked = gql(CREATE)
    asked.variable_values = {"firstName": name}
    answer = await session.execute(asked)
    return answer["createContact"]["contacts"][0]["id"]


class GqlWebsockets(unittest.IsolatedAsyncioTestCase):
    async def test_a_query_is_checked_here_and_answered_there(self) -> None:
        async with client(init_payload=KEY) as session:
            answer = await session.execute(gql("{ sources { source } }"))
            self.assertEqual(len(answer["sources"]), 3)
            with self.assertRaisesRegex(GraphQLError, "nope"):
                await session.execute(gql("{ nope }"))

    async def test_what_is_written_is_told_and_what_was_missed_comes_behind_the_cursor(self) -> None:
        async with client(headers=KEY) as session:
            answers = session.subscribe(gql(LIVE))
            first = asyncio.ensure_future(anext(answers))
            await asyncio.sleep(0)  # it is sent before what is written
            name = await created(session, "Told")
            event = (await first)["events"]
            self.assertEqual(event["node"], {"contactId": name, "contact": {"firstName": "Told"}})
            await answers.aclose()
            missed = [await created(session, f"Missed {number}") for number in range(3)]
        async with client(headers=KEY) as session:
            asked = gql(LIVE)
            asked.variable_values = {"after": event["cursor"]}
            answers = session.subscribe(asked)
            told = [(await anext(answers))["events"]["node"]["contactId"] for _ in missed]
            await answers.aclose()
        self.assertEqual(told, missed)

    async def test_an_error_has_its_code_and_the_connection_goes_on(self) -> None:
        asked = gql(LIVE)
        asked.variable_values = {"after": "no cursor"}
        async with client(init_payload=KEY) as session:
            # Not by `assertRaises`: it clears the frames of the traceback, and with them gql's reading loop.
            [caught] = await asyncio.gather(anext(session.subscribe(asked)), return_exceptions=True)
            assert isinstance(caught, TransportQueryError)
            self.assertEqual(caught.errors[0]["extensions"]["code"], "CURSOR_INVALID")
            answer = await session.execute(gql("{ sources { source } }"))
        self.assertEqual(len(answer["sources"]), 3)

    async def test_a_key_that_is_not_known_closes_the_socket_with_4403(self) -> None:
        refused = client(init_payload={"X-Api-Key": "nope"})
        with self.assertRaises(TransportConnectionFailed) as caught:
            await refused.connect_async()
        closed = caught.exception.__cause__
        assert isinstance(closed, ConnectionClosed)
        assert closed.rcvd is not None
        self.assertEqual((closed.rcvd.code, closed.rcvd.reason), (4403, "This key is not known."))


if __name__ == "__main__":
    unittest.main()

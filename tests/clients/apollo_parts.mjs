// Apollo Client where answers come in several parts: `@defer`, `@stream`, and subscriptions.
import assert from "node:assert/strict";
import test from "node:test";
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import {
  CREATE,
  created,
  CREATED,
  endedAtGateway,
  HEADERS,
  live,
  NO_CACHE,
  plain,
  somebody,
  URL_,
  withoutPackagex,
} from "./support.mjs";

const DEFERRED = gql`
  query Deferred($id: ID!) {
    contact(by: { id: $id }) {
      id
      source
      ... @defer { groups { nodes { id name } } events(first: 5) { nodes { id } } }
    }
    ...Slow @defer(label: "slow")
  }
  fragment Slow on Query { contacts(first: 3) { nodes { id firstName } sources { source status } } }
`;
const WHOLE = `
  query Whole($id: ID!) {
    __typename
    contact(by: { id: $id }) {
      __typename
      id
      source
      groups { __typename nodes { __typename id name } }
      events(first: 5) { __typename nodes { __typename id } }
    }
    contacts(first: 3) {
      __typename nodes { __typename id firstName } sources { __typename source status }
    }
  }
`;

let answered = [];
const noting = async (...asked) => {
  const response = await fetch(...asked);
  answered.push(response.headers.get("content-type"));
  return response;
};

function newClient(incrementalHandler, link = new HttpLink({ uri: URL_, headers: HEADERS, fetch: noting })) {
  answered = [];
  return new ApolloClient({ link, cache: new InMemoryCache(), incrementalHandler });
}

// The first answer of a subscription, which is then ended.
function first(client, options) {
  return new Promise((told, failed) => {
    const answers = client.subscribe(options).subscribe({
      next: (answer) => {
        answers.unsubscribe();
        told(answer);
      },
      error: failed,
    });
  });
}

// What is shown of a query from the beginning to its end.
function shown(client, options) {
  const steps = [];
  return new Promise((ended, failed) => {
    const seen = client.watchQuery(options).subscribe({
      next: (step) => {
        if (step.dataState !== "empty") steps.push(step);
        if (!step.loading) {
          seen.unsubscribe();
          ended(steps);
        }
      },
      error: failed,
    });
  });
}

test("what is deferred comes later, and all of it is there in the end", async () => {
  const client = newClient(new GraphQL17Alpha9Handler());
  const { id } = await somebody("PACKAGEX");
  const steps = await shown(client, { query: DEFERRED, variables: { id } });
  assert.match(answered[0], /^multipart\/mixed;.*incrementalSpec=v0\.2/);
  assert.equal(steps[0].dataState, "streaming");
  assert.deepEqual(steps[0].data, { __typename: "Query", contact: { __typename: "Contact", id, source: "PACKAGEX" } });
  assert.equal(steps.at(-1).dataState, "complete");
  assert.deepEqual(steps.at(-1).data, await plain(WHOLE, { id }));
  assert.deepEqual(client.readQuery({ query: DEFERRED, variables: { id } }), steps.at(-1).data);
});

test("what is streamed comes piece by piece, in order", async () => {
  const client = newClient(new GraphQL17Alpha9Handler());
  const query = gql`query Streamed { contacts(first: 4) { nodes @stream(initialCount: 1) { source } } }`;
  const steps = await shown(client, { query });
  assert.match(answered[0], /^multipart\/mixed;.*incrementalSpec=v0\.2/);
  const sources = steps.map(({ data }) => data.contacts.nodes.map(({ source }) => source));
  assert.deepEqual(sources.at(0), ["SAMESPACE"]);
  assert.deepEqual(sources.at(-1), ["SAMESPACE", "PACKAGEX", "SMART_SENDER", "SAMESPACE"]);
});

test("a deferred part whose source fails is null with an error, beside what has come before", async () => {
  const client = newClient(new GraphQL17Alpha9Handler());
  const { id } = await somebody("PACKAGEX");
  const query = gql`
    query Failing($id: ID!) {
      sources { source }
      ... @defer { contact(by: { id: $id }) { id } }
    }
  `;
  const options = { query, variables: { id }, errorPolicy: "all", context: { headers: NO_CACHE } };
  const steps = await withoutPackagex(() => shown(client, options));
  assert.equal(steps[0].data.sources.length, 3);
  const { data, error } = steps.at(-1);
  assert.equal(data.sources.length, 3);
  assert.equal(data.contact, null);
  assert.ok(CombinedGraphQLErrors.is(error));
  assert.equal(error.errors[0].extensions.code, "UPSTREAM_AUTH");
});

test("who speaks an older form of parts gets all of it at once", async () => {
  const client = newClient(new Defer20220824Handler());
  const { id } = await somebody("PACKAGEX");
  const steps = await shown(client, { query: DEFERRED, variables: { id } });
  assert.match(answered[0], /^application\/graphql-response\+json/);
  assert.deepEqual(steps.map(({ data }) => data), [await plain(WHOLE, { id })]);
});

test("without a handler the client itself refuses to defer, and nothing is asked", async () => {
  const client = newClient();
  await assert.rejects(client.query({ query: DEFERRED, variables: { id: "any" } }), { name: "Invariant Violation" });
  assert.deepEqual(answered, []);
});

test("a subscription over a WebSocket is told what is written over it, and ends with its subscriber", async () => {
  const socket = createClient({
    url: URL_.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { "X-Api-Key": process.env.CLIENTS_KEY },
    retryAttempts: 0,
  });
  const client = newClient(undefined, new GraphQLWsLink(socket));
  const event = first(client, { query: gql(live("ApolloSocket")) });
  const { data } = await client.mutate({ mutation: gql(CREATE), variables: { firstName: "Told" } });
  const { node } = (await event).data.events;
  assert.equal(node.contactId, data.createContact.contacts[0].id);
  assert.equal(node.contact.firstName, "Told");
  await endedAtGateway("ApolloSocket");
  await socket.dispose();
});

test("a subscription over HTTP comes as multipart, goes on behind a cursor, and ends with its subscriber", async () => {
  const client = newClient();
  const { events } = await plain(CREATED);
  const variables = { after: events.pageInfo.endCursor };
  const event = first(client, { query: gql(live("ApolloParts")), variables });
  const [id] = await created("Multipart");
  assert.equal((await event).data.events.node.contactId, id);
  assert.match(answered[0], /^multipart\/mixed;.*subscriptionSpec=1\.0/);
  await endedAtGateway("ApolloParts");
});

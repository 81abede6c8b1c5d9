// graphql-sse, the reference of GraphQL over Server-Sent Events, in its distinct connections mode.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient, NetworkError } from "graphql-sse";
import { all, created, CREATED, endedAtGateway, HEADERS, live, plain, toldOf, URL_ } from "./support.mjs";

const newClient = (options = {}) => createClient({ url: URL_, headers: HEADERS, retryAttempts: 0, ...options });

// A client, and what it is told of from now on: it is connected when the gateway has begun to listen.
async function listening(name) {
  let answers;
  const client = await new Promise((connected) => {
    const made = newClient({ on: { connected: () => connected(made) } });
    answers = made.iterate({ query: live(name) });
  });
  return { client, answers };
}

test("a query is answered, once", async () => {
  const query = "query ($n: Int) { contacts(first: $n) { nodes { source } } }";
  const [answer, ...more] = await all(newClient().iterate({ query, variables: { n: 3 } }));
  assert.deepEqual(more, []);
  assert.deepEqual(answer.data.contacts.nodes.map(({ source }) => source), ["SAMESPACE", "PACKAGEX", "SMART_SENDER"]);
});

test("what a mutation writes is told to those who listen", async () => {
  const { client, answers } = await listening("Told");
  const [id] = await created("Live");
  const [event] = await toldOf(answers, [id]);
  assert.deepEqual(event.node, { type: "CONTACT_CREATED", contactId: id, contact: { firstName: "Live" } });
  client.dispose();
});

test("a subscription that the client ends has ended at the gateway", async () => {
  const { client, answers } = await listening("Left");
  await answers.return();
  await endedAtGateway("Left");
  client.dispose();
});

test("a client that is disposed of ends what it follows, and the next one goes on behind the last cursor", async () => {
  const { client, answers } = await listening("Continued");
  const [id] = await created("Before");
  const { value } = await answers.next();
  const { cursor: after, node } = value.data.events;
  assert.equal(node.contactId, id);
  client.dispose();
  await endedAtGateway("Continued");

  const ids = await created("Away 1", "Away 2", "Away 3");
  const again = newClient();
  const told = await toldOf(again.iterate({ query: live("ContinuedAgain"), variables: { after } }), ids);
  assert.deepEqual(told.map((event) => event.node.contactId), ids);
  again.dispose();
});

test("a stream that breaks is opened again, and loses nothing where the variables hold the last cursor", async () => {
  const { events } = await plain(CREATED);
  const request = { query: live("Reopened"), variables: { after: events.pageInfo.endCursor } };
  let line; // what can break the connection of now
  const client = newClient({
    retryAttempts: 1,
    retry: async () => {},
    fetchFn: (url, init) => {
      line = new AbortController();
      return fetch(url, { ...init, signal: AbortSignal.any([init.signal, line.signal]) });
    },
  });
  const [one] = await created("Breaking");
  const answers = client.iterate(request);
  const { cursor: after, node } = (await answers.next()).value.data.events;
  assert.equal(node.contactId, one);
  request.variables = { after };
  line.abort();
  const two = await created("Broken 1", "Broken 2");
  assert.deepEqual((await toldOf(answers, two)).map((event) => event.node.contactId), two);
});

test("a subscription from an endCursor of the same list tells what came behind it", async () => {
  const { events } = await plain(CREATED);
  assert.equal(events.pageInfo.hasNextPage, false);
  const ids = await created("Behind");
  const client = newClient();
  const variables = { after: events.pageInfo.endCursor };
  const told = await toldOf(client.iterate({ query: live("Behind"), variables }), ids);
  assert.deepEqual(told.map((event) => event.node.contactId), ids);
  client.dispose();
});

test("a document that is not valid has a status and a code", async () => {
  const error = await all(newClient().iterate({ query: "{ nope }" })).catch((caught) => caught);
  assert.ok(error instanceof NetworkError);
  assert.equal(error.response.status, 400);
  assert.equal((await error.response.json()).errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
});

test("a cursor of another list is refused with 400", async () => {
  const asked = { query: live("Strange"), variables: { after: "no" } };
  const error = await all(newClient().iterate(asked)).catch((caught) => caught);
  assert.ok(error instanceof NetworkError);
  assert.equal(error.response.status, 400);
  assert.equal((await error.response.json()).errors[0].extensions.code, "CURSOR_INVALID");
});

test("a key that is not known is refused with 401", async () => {
  const client = newClient({ headers: { "x-api-key": "nope" } });
  const error = await all(client.iterate({ query: live("Unknown") })).catch((caught) => caught);
  assert.ok(error instanceof NetworkError);
  assert.equal(error.response.status, 401);
  assert.equal((await error.response.json()).errors[0].extensions.code, "UNAUTHENTICATED");
});

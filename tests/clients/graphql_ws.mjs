// graphql-ws, the reference of `graphql-transport-ws`.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { all, CREATE, created, endedAtGateway, HEADERS, live, toldOf, URL_ } from "./support.mjs";

const newClient = (options = {}) =>
  createClient({
    url: URL_.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: HEADERS.authorization },
    retryAttempts: 0,
    ...options,
  });

// Has a contact created over the socket that is listened on: whoever has subscribed before is told of it.
async function createdOver(client, firstName) {
  const [{ data }] = await all(client.iterate({ query: CREATE, variables: { firstName } }));
  return data.createContact.contacts[0].id;
}

test("a query and a mutation are answered, once each", async () => {
  const client = newClient();
  const query = "query ($n: Int) { contacts(first: $n) { nodes { source } } }";
  const [answer, ...more] = await all(client.iterate({ query, variables: { n: 3 } }));
  assert.deepEqual(more, []);
  assert.deepEqual(answer.data.contacts.nodes.map(({ source }) => source), ["SAMESPACE", "PACKAGEX", "SMART_SENDER"]);
  assert.equal(typeof (await createdOver(client, "Once")), "string");
  await client.dispose();
});

test("what a mutation writes is told to those who listen on the same socket", async () => {
  const client = newClient();
  const answers = client.iterate({ query: live("Shared") });
  const first = answers.next();
  const id = await createdOver(client, "Live");
  const { value } = await first;
  assert.deepEqual(value.data.events.node, { type: "CONTACT_CREATED", contactId: id, contact: { firstName: "Live" } });
  await client.dispose();
});

test("a subscription that the client ends has ended at the gateway, and the socket goes on", async () => {
  const client = newClient();
  const answers = client.iterate({ query: live("Ended") });
  const first = answers.next();
  await createdOver(client, "Ending");
  await first;
  await answers.return();
  const [{ data }] = await all(client.iterate({ query: "{ sources { source } }" }));
  assert.equal(data.sources.length, 3);
  await endedAtGateway("Ended");
  await client.dispose();
});

test("a client that is disposed of ends what it follows, and the next one goes on behind the last cursor", async () => {
  const client = newClient();
  const answers = client.iterate({ query: live("Resumed") });
  const first = answers.next();
  await createdOver(client, "Before");
  const after = (await first).value.data.events.cursor;
  await client.dispose();
  await endedAtGateway("Resumed");

  const ids = await created("Away 1", "Away 2", "Away 3");
  const again = newClient();
  const told = await toldOf(again.iterate({ query: live("ResumedAgain"), variables: { after } }), ids);
  assert.deepEqual(told.map(({ node }) => node.contactId), ids);
  await again.dispose();
});

test("a socket that breaks is opened again, and loses nothing where the variables hold the last cursor", async () => {
  const client = newClient({ retryAttempts: 1, retryWait: async () => {} });
  const payload = { query: live("Broken"), variables: {} };
  const answers = client.iterate(payload);
  const first = answers.next();
  const one = await createdOver(client, "Breaking");
  const { cursor: after, node } = (await first).value.data.events;
  assert.equal(node.contactId, one);
  payload.variables = { after };
  client.terminate();
  const two = await created("Broken 1", "Broken 2");
  assert.deepEqual((await toldOf(answers, two)).map((event) => event.node.contactId), two);
  await client.dispose();
});

test("a document that is not valid is an error with a code, and so is a cursor of another list", async () => {
  const client = newClient();
  const wrong = [
    ["{ nope }", "GRAPHQL_VALIDATION_FAILED"],
    ['subscription { events(after: "no") { cursor } }', "CURSOR_INVALID"],
  ];
  for (const [query, code] of wrong) {
    await assert.rejects(all(client.iterate({ query })), ([error]) => error.extensions.code === code);
  }
  await client.dispose();
});

test("a key that is not known closes the socket with 4403, wherever it stands", async () => {
  const refused = ({ code, reason }) => code === 4403 && reason.length > 0;
  for (const connectionParams of [{ "X-Api-Key": "nope" }, { headers: { Authorization: "Bearer nope" } }, {}]) {
    const client = newClient({ connectionParams });
    await assert.rejects(all(client.iterate({ query: "{ sources { source } }" })), refused);
  }
});

test("the key may come with the handshake", async () => {
  class Known extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers: HEADERS });
    }
  }
  const client = newClient({ connectionParams: undefined, webSocketImpl: Known });
  const [{ data }] = await all(client.iterate({ query: "{ sources { source } }" }));
  assert.equal(data.sources.length, 3);
  await client.dispose();
});

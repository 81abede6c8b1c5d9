// urql, with its document cache and with Graphcache.
import assert from "node:assert/strict";
import test from "node:test";
import { cacheExchange as graphcache } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { cacheExchange, Client, fetchExchange, gql } from "@urql/core";
import { getIntrospectionQuery } from "graphql";
import { everybody, HEADERS, NO_CACHE, plain, somebody, URL_, withoutPackagex } from "./support.mjs";

const PEOPLE = gql`
  query People($first: Int, $after: String) {
    contacts(first: $first, after: $after) {
      edges { cursor node { id source firstName } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      sources { source status }
    }
  }
`;
// Of a connection `relayPagination` joins edges, nodes and pageInfo only: how sources did stands in the extensions.
const PAGES = gql`
  query Pages($first: Int, $after: String) {
    contacts(first: $first, after: $after) {
      edges { cursor node { id source firstName } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const RENAME = gql`
  mutation Rename($id: ID!, $firstName: String!) {
    updateContact(input: { id: $id, contact: { firstName: $firstName } }) {
      contact { id firstName }
      userErrors { code }
    }
  }
`;

const newClient = (cache, headers = HEADERS) =>
  new Client({ url: URL_, preferGetMethod: false, exchanges: [cache, fetchExchange], fetchOptions: { headers } });

// Aware of the schema: Graphcache warns of everything that does not fit, and here a warning is a failure.
async function normalised() {
  const schema = await plain(getIntrospectionQuery());
  const warnings = [];
  const cache = graphcache({
    schema,
    resolvers: { Query: { contacts: relayPagination() } },
    logger: (_, message) => warnings.push(message),
  });
  return { client: newClient(cache), warnings };
}

test("a query and its extensions come through", async () => {
  const { data, error, extensions } = await newClient(cacheExchange).query(PEOPLE, { first: 3 }).toPromise();
  assert.equal(error, undefined);
  assert.equal(data.contacts.edges.length, 3);
  assert.equal(typeof extensions.requestId, "string");
});

test("a query over GET comes through", async () => {
  const client = newClient(cacheExchange);
  const { data, error } = await client.query(PEOPLE, { first: 2 }, { preferGetMethod: "force" }).toPromise();
  assert.equal(error, undefined);
  assert.equal(data.contacts.edges.length, 2);
});

test("a source that fails leaves the others' data, with a warning", async () => {
  const client = newClient(cacheExchange, { ...HEADERS, ...NO_CACHE });
  const { data, error, extensions } = await withoutPackagex(() => client.query(PEOPLE, { first: 6 }).toPromise());
  assert.equal(error, undefined);
  assert.equal(data.contacts.edges.length, 6);
  assert.deepEqual(extensions.warnings.map(({ source }) => source), ["PACKAGEX"]);
});

test("an error has its code", async () => {
  const { error } = await newClient(cacheExchange).query("{ nope }", {}).toPromise();
  assert.equal(error.graphQLErrors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
});

test("Graphcache makes one list of the pages, with everybody once", async () => {
  const { client, warnings } = await normalised();
  let after = null;
  let contacts;
  do {
    ({ contacts } = (await client.query(PAGES, { first: 50, after }).toPromise()).data);
    after = contacts.pageInfo.endCursor;
  } while (contacts.pageInfo.hasNextPage);
  assert.deepEqual(contacts.edges.map(({ node }) => node.id), await everybody());
  assert.deepEqual(warnings, []);
});

test("Graphcache changes what a list shows by the id of a mutation's answer", async () => {
  const { client, warnings } = await normalised();
  const { id } = await somebody("SMART_SENDER");
  await client.query(PAGES, { first: 12 }).toPromise();
  const changed = await client.mutation(RENAME, { id, firstName: "Ursula" }).toPromise();
  assert.deepEqual(changed.data.updateContact.userErrors, []);
  const { contacts } = client.readQuery(PAGES, { first: 12 }).data;
  assert.equal(contacts.edges.find(({ node }) => node.id === id).node.firstName, "Ursula");
  assert.deepEqual(warnings, []);
});

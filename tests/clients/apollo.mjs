// Apollo Client with its normalised cache.
import assert from "node:assert/strict";
import test from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { map } from "rxjs";
import { everybody, HEADERS, NO_CACHE, plain, somebody, URL_, withoutPackagex } from "./support.mjs";

const PEOPLE = gql`
  query People($first: Int, $after: String) {
    contacts(first: $first, after: $after) {
      edges { cursor node { id source firstName displayName } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      sources { source status code }
    }
  }
`;
const ONE = gql`
  query One($id: ID!) {
    contact(by: { id: $id }) { id firstName address { id city } properties(keys: ["city"]) { key value } }
  }
`;
const RENAME = gql`
  mutation Rename($id: ID!, $firstName: String!) {
    updateContact(input: { id: $id, contact: { firstName: $firstName } }) {
      contact { id firstName displayName }
      outcome { status }
      userErrors { code message }
    }
  }
`;

// What the client does not hand out of an answer: its extensions.
let extensions = {};
const noted = new ApolloLink((operation, forward) =>
  forward(operation).pipe(map((result) => ((extensions = result.extensions), result))),
);

function newClient() {
  return new ApolloClient({
    link: ApolloLink.from([noted, new HttpLink({ uri: URL_, headers: HEADERS })]),
    cache: new InMemoryCache({
      possibleTypes: { Node: ["Contact", "Group", "Chat", "Event"] },
      typePolicies: {
        Query: { fields: { contacts: relayStylePagination(["sources", "search", "filter", "orderBy"]) } },
      },
    }),
  });
}

test("pages become one list in the cache, with everybody once", async () => {
  const client = newClient();
  const people = client.watchQuery({ query: PEOPLE, variables: { first: 20 } });
  const seen = people.subscribe(() => {});
  let page = (await client.query({ query: PEOPLE, variables: { first: 20 } })).data.contacts;
  while (page.pageInfo.hasNextPage) {
    const more = await people.fetchMore({ variables: { after: page.pageInfo.endCursor } });
    page = more.data.contacts;
  }
  const { contacts } = client.readQuery({ query: PEOPLE, variables: { first: 20 } });
  const ids = contacts.edges.map((edge) => edge.node.id);
  assert.deepEqual(ids, await everybody());
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(contacts.pageInfo.hasNextPage, false);
  seen.unsubscribe();
});

test("a mutation changes what a list shows, by the id alone", async () => {
  const client = newClient();
  const { id, firstName } = await somebody("SAMESPACE");
  const shown = [];
  const seen = client.watchQuery({ query: PEOPLE, variables: { first: 10 } }).subscribe(({ data }) => {
    const edge = data?.contacts?.edges.find(({ node }) => node.id === id);
    if (edge) shown.push(edge.node.firstName);
  });
  await client.query({ query: PEOPLE, variables: { first: 10 } });
  const { data } = await client.mutate({ mutation: RENAME, variables: { id, firstName: "Apollonia" } });
  assert.deepEqual(data.updateContact.userErrors, []);
  assert.equal(data.updateContact.outcome.status, "APPLIED");
  assert.equal(shown.at(0), firstName);
  assert.equal(shown.at(-1), "Apollonia");
  seen.unsubscribe();
});

test("a source that fails leaves the others' data, and no error", async () => {
  const client = newClient();
  const { data, error } = await withoutPackagex(() =>
    client.query({ query: PEOPLE, variables: { first: 10 }, context: { headers: NO_CACHE } }),
  );
  assert.equal(error, undefined);
  const statuses = Object.fromEntries(data.contacts.sources.map(({ source, status }) => [source, status]));
  assert.deepEqual(statuses, { SAMESPACE: "OK", PACKAGEX: "UNAVAILABLE", SMART_SENDER: "OK" });
  assert.deepEqual(new Set(data.contacts.edges.map(({ node }) => node.source)), new Set(["SAMESPACE", "SMART_SENDER"]));
  assert.deepEqual(extensions.warnings.map(({ code, source }) => [code, source]), [["UPSTREAM_AUTH", "PACKAGEX"]]);
});

test("a single thing that fails is null beside its neighbours, with an error that has a code", async () => {
  const client = newClient();
  const { id: failing } = await somebody("PACKAGEX");
  const { id: alive } = await somebody("SMART_SENDER");
  const both = gql`
    query Both($failing: ID!, $alive: ID!) {
      failing: contact(by: { id: $failing }) { id }
      alive: contact(by: { id: $alive }) { id }
    }
  `;
  const { data, error } = await withoutPackagex(() =>
    client.query({
      query: both,
      variables: { failing, alive },
      errorPolicy: "all",
      context: { headers: NO_CACHE },
    }),
  );
  assert.equal(data.failing, null);
  assert.equal(data.alive.id, alive);
  assert.ok(CombinedGraphQLErrors.is(error));
  assert.equal(error.errors[0].extensions.code, "UPSTREAM_AUTH");
});

test("whatever has an id is kept by it without being mixed up", async () => {
  const client = newClient();
  const ids = (await everybody()).slice(0, 30);
  for (const id of ids) await client.query({ query: ONE, variables: { id } });
  for (const id of ids) {
    const { contact } = client.readQuery({ query: ONE, variables: { id } });
    const told = await plain(
      'query ($id: ID!) { contact(by: { id: $id }) { firstName address { city } properties(keys: ["city"]) { key value } } }',
      { id },
    );
    assert.equal(contact.firstName, told.contact.firstName);
    assert.equal(contact.address?.city, told.contact.address?.city);
    assert.deepEqual(contact.properties.map(({ value }) => value), told.contact.properties.map(({ value }) => value));
  }
});

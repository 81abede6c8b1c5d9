// graphql-request: the smallest of the clients.
import assert from "node:assert/strict";
import test from "node:test";
import { ClientError, gql, GraphQLClient } from "graphql-request";
import { HEADERS, NO_CACHE, somebody, URL_, withoutPackagex } from "./support.mjs";

const PEOPLE = gql`
  query People($first: Int!) {
    contacts(first: $first) { nodes { id source } sources { source status } }
  }
`;
const client = new GraphQLClient(URL_, { headers: HEADERS });

test("data comes back as it is", async () => {
  const { contacts } = await client.request(PEOPLE, { first: 3 });
  assert.deepEqual(contacts.nodes.map(({ source }) => source), ["SAMESPACE", "PACKAGEX", "SMART_SENDER"]);
});

test("a query over GET comes through", async () => {
  const reader = new GraphQLClient(URL_, { headers: HEADERS, method: "GET" });
  assert.equal((await reader.request(PEOPLE, { first: 2 })).contacts.nodes.length, 2);
});

test("a source that fails throws nothing, and stands in the extensions", async () => {
  const { data, extensions, errors } = await withoutPackagex(() => client.rawRequest(PEOPLE, { first: 4 }, NO_CACHE));
  assert.equal(errors, undefined);
  assert.equal(data.contacts.nodes.length, 4);
  assert.deepEqual(extensions.warnings.map(({ code }) => code), ["UPSTREAM_AUTH"]);
});

test("a single thing that fails throws, with the code and what there is", async () => {
  const { id } = await somebody("PACKAGEX");
  const asked = withoutPackagex(() =>
    client.request("query ($id: ID!) { contact(by: { id: $id }) { id } sources { name } }", { id }, NO_CACHE),
  );
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof ClientError);
    assert.equal(error.response.errors[0].extensions.code, "UPSTREAM_AUTH");
    assert.equal(error.response.data.sources.length, 3);
    return true;
  });
});

test("no key is said in words of GraphQL", async () => {
  await assert.rejects(new GraphQLClient(URL_).request(PEOPLE, { first: 1 }), (error) => {
    assert.equal(error.response.status, 401);
    assert.equal(error.response.errors[0].extensions.code, "UNAUTHENTICATED");
    return true;
  });
});

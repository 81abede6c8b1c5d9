// Relay: its compiler reads our schema, and its runtime runs what the compiler made.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { commitMutation, createOperationDescriptor, Environment, fetchQuery, getSingularSelector, Network, RecordSource, Store } from "relay-runtime";
import { everybody, HEADERS, somebody, URL_ } from "./support.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "relay-"));
const artifact = createRequire(join(folder, "index.js"));
const made = (name) => artifact(`./artifacts/${name}.graphql.js`);

async function send({ text }, variables) {
  const response = await fetch(URL_, {
    method: "POST",
    headers: { ...HEADERS, "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: text, variables }),
  });
  return response.json();
}

const newEnvironment = () =>
  new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });

before(async () => {
  cpSync(join(here, "relay"), folder, { recursive: true });
  mkdirSync(join(folder, "artifacts"));
  const schema = await fetch(URL_.replace(/graphql$/, "schema.graphql"), { headers: HEADERS });
  writeFileSync(join(folder, "schema.graphql"), await schema.text());
  execFileSync(join(here, "node_modules/.bin/relay-compiler"), ["relay.config.json"], { cwd: folder });
});
after(() => rmSync(folder, { recursive: true }));

// What a component would see of the list.
function shown(environment, variables) {
  const operation = createOperationDescriptor(made("peopleQuery"), variables);
  const root = environment.lookup(operation.fragment).data;
  return environment.lookup(getSingularSelector(made("people_list"), root)).data.contacts;
}

test("the compiler takes the schema, and the list as one that can be paged and refetched", () => {
  const { connection, refetch } = made("people_list").metadata;
  assert.deepEqual(connection, [{ count: "count", cursor: "cursor", direction: "forward", path: ["contacts"] }]);
  assert.equal(refetch.operation.params.name, "peoplePaginationQuery");
  assert.equal(made("people_contact").metadata.refetch.identifierInfo.identifierField, "id");
});

test("pages become one list in the store, with everybody once", async () => {
  const environment = newEnvironment();
  const variables = { count: 15, cursor: null };
  await fetchQuery(environment, made("peopleQuery"), variables).toPromise();
  while (shown(environment, variables).pageInfo.hasNextPage) {
    const cursor = shown(environment, variables).pageInfo.endCursor;
    await fetchQuery(environment, made("peoplePaginationQuery"), { count: 15, cursor }).toPromise();
  }
  assert.deepEqual(shown(environment, variables).edges.map(({ node }) => node.id), await everybody());
});

test("a mutation changes what the list shows, by the id alone", async () => {
  const environment = newEnvironment();
  const variables = { count: 10, cursor: null };
  const { id } = await somebody("PACKAGEX");
  await fetchQuery(environment, made("peopleQuery"), variables).toPromise();
  await new Promise((resolve, reject) =>
    commitMutation(environment, {
      mutation: made("peopleRenameMutation"),
      variables: { id, firstName: "Relaya" },
      onCompleted: resolve,
      onError: reject,
    }),
  );
  const { edges } = shown(environment, variables);
  assert.equal(edges.find(({ node }) => node.id === id).node.firstName, "Relaya");
});

test("a contact is read again through `node` by its id", async () => {
  const { id } = await somebody("SMART_SENDER");
  const environment = newEnvironment();
  await fetchQuery(environment, made("peopleContactQuery"), { id }).toPromise();
  const kept = environment.getStore().getSource().get(id);
  assert.equal(kept.__typename, "Contact");
  assert.equal(typeof kept.displayName, "string");
});

// graphql-js, the reference that editors, generators and explorers stand on: what it makes of our schema.
import assert from "node:assert/strict";
import test from "node:test";
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema } from "graphql";
import { HEADERS, plain, URL_ } from "./support.mjs";

const sdl = await (await fetch(URL_.replace(/graphql$/, "schema.graphql"), { headers: HEADERS })).text();
const everything = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
};
const sorted = (schema) => printSchema(lexicographicSortSchema(schema));

test("the SDL is a valid schema", () => {
  assert.deepEqual(validateSchema(buildSchema(sdl)), []);
});

test("introspection tells the same schema as the SDL, whatever it is asked for", async () => {
  const told = buildClientSchema(await plain(getIntrospectionQuery(everything)));
  assert.deepEqual(validateSchema(told), []);
  assert.equal(sorted(told), sorted(buildSchema(sdl)));
});

test("older tools, which ask for less, are answered too", async () => {
  const older = { descriptions: false, specifiedByUrl: false, schemaDescription: false, oneOf: false };
  const told = buildClientSchema(await plain(getIntrospectionQuery(older)));
  assert.deepEqual(Object.keys(told.getTypeMap()).sort(), Object.keys(buildSchema(sdl).getTypeMap()).sort());
});

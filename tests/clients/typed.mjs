// GraphQL Code Generator: types out of our schema, a program that relies on them, TypeScript's word, and its run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "typed-"));
cpSync(join(here, "typed"), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
symlinkSync(join(here, "node_modules"), join(folder, "node_modules"));
after(() => rmSync(folder, { recursive: true }));

const tool = (name, ...options) =>
  execFileSync(join(here, "node_modules/.bin", name), options, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("a program compiles against the types of our schema", () => {
  tool("graphql-codegen", "--config", "codegen.mjs", "--silent");
  try {
    tool("tsc");
  } catch (error) {
    assert.fail(error.stdout);
  }
});

test("what was compiled runs, and what comes is what was typed", () => {
  const seen = JSON.parse(execFileSync(process.execPath, ["out/people.js"], { cwd: folder, encoding: "utf8" }));
  assert.equal(seen.people, 4);
  assert.deepEqual(seen.statuses, [["SAMESPACE", "OK"], ["PACKAGEX", "OK"]]);
  assert.equal(typeof seen.name, "string");
  assert.equal(seen.names.length, 4);
  assert.equal(seen.names[0], seen.name);
  assert.ok(Array.isArray(seen.emails));
  assert.match(seen.asOf, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.equal(seen.nobody.contact, null);
  assert.equal(seen.one.contact.displayName, seen.name);
  assert.deepEqual(seen.createContact.userErrors, []);
  assert.deepEqual(seen.createContact.outcomes.map(({ status }) => status), ["APPLIED", "APPLIED"]);
});

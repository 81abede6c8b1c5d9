// The public audits of GraphQL over HTTP. What it calls MAY is held to as well, as all of it holds.
import assert from "node:assert/strict";
import test from "node:test";
import { serverAudits } from "graphql-http";
import { HEADERS, URL_ } from "./support.mjs";

const headers = process.env.CLIENTS_KEY ? HEADERS : {};
const audits = serverAudits({
  url: URL_,
  fetchFn: (url, options = {}) => fetch(url, { ...options, headers: { ...headers, ...options.headers } }),
});

test("the suite is whole", () => {
  const of = (level) => audits.filter(({ name }) => name.startsWith(level)).length;
  assert.deepEqual([of("MUST"), of("SHOULD"), of("MAY"), audits.length], [13, 23, 25, 61]);
});

for (const audit of audits) {
  test(audit.name, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}

// The public audits of GraphQL over HTTP, by level. Each MUST and SHOULD is a test; MAYs are, too, as all hold.
import assert from "node:assert/strict";
import test from "node:test";
import { serverAudits } from "graphql-http";
import { HEADERS, URL_ } from "./support.mjs";

const headers = process.env.CLIENTS_KEY ? HEADERS : {};
const audits = serverAudits({
  url: URL_,
  fetchFn: (url, options = {}) => fetch(url, { ...options, headers: { ...headers, ...options.headers } }),
});

test("the suite is whole", () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(audit.name, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}

// What the scripts share: where the gateway is, the key, and switches of the emulator of PackageX.
import assert from "node:assert/strict";

export const URL_ = `${process.env.CLIENTS_GATEWAY}/graphql`;
export const HEADERS = { authorization: `Bearer ${process.env.CLIENTS_KEY}` };
export const NO_CACHE = { "cache-control": "no-cache" };

const switches = new URL("/_emulator/faults", process.env.CLIENTS_PACKAGEX);

// While PackageX refuses the gateway's key: fails at once, is not repeated, and opens no breaker.
export async function withoutPackagex(run) {
  await fetch(`${switches}/*`, { method: "PUT", body: JSON.stringify({ status: 401 }) });
  try {
    return await run();
  } finally {
    await fetch(switches, { method: "DELETE" });
  }
}

// The gateway's answer as it is, to hold against what a client makes of it.
export async function plain(query, variables = {}) {
  const response = await fetch(URL_, {
    method: "POST",
    headers: { ...HEADERS, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

// Ids of all contacts, page by page.
export async function everybody() {
  const ids = [];
  for (let after = null, more = true; more; ) {
    const { contacts } = await plain(
      "query ($after: String) { contacts(first: 50, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }",
      { after },
    );
    ids.push(...contacts.nodes.map((node) => node.id));
    ({ hasNextPage: more, endCursor: after } = contacts.pageInfo);
  }
  assert.ok(ids.length > 20);
  return ids;
}

// A contact of a source, to be changed.
export async function somebody(source) {
  const data = await plain("query ($of: [Source!]) { contacts(first: 1, sources: $of) { nodes { id firstName } } }", {
    of: [source],
  });
  return data.contacts.nodes[0];
}

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

// A subscription with a name of its own, by which the gateway's metrics tell it from others.
export const live = (name) => `
  subscription ${name}($after: String) {
    events(after: $after, filter: { types: [CONTACT_CREATED] }) { cursor node { type contactId contact { firstName } } }
  }
`;
// Where they are now: an `endCursor` of the same list.
export const CREATED = `
  query Created {
    events(first: 100, filter: { types: [CONTACT_CREATED] }) { pageInfo { endCursor hasNextPage } }
  }
`;
export const CREATE = `
  mutation Create($firstName: String!) {
    createContact(input: { contact: { firstName: $firstName }, targets: [{ source: PACKAGEX }] }) { contacts { id } }
  }
`;

// Everything that comes until the end.
export async function all(answers) {
  const found = [];
  for await (const answer of answers) found.push(answer);
  return found;
}

// Has contacts created, one after the other; their ids.
export async function created(...names) {
  const ids = [];
  for (const firstName of names) ids.push((await plain(CREATE, { firstName })).createContact.contacts[0].id);
  return ids;
}

// The answers that come until the last of these contacts has been told of.
export async function toldOf(answers, ids) {
  const told = [];
  for await (const { data, errors } of answers) {
    assert.equal(errors, undefined, JSON.stringify(errors));
    if (ids.includes(data.events.node.contactId)) told.push(data.events);
    if (data.events.node.contactId === ids.at(-1)) break;
  }
  return told;
}

// Until one subscription of this name has ended at the gateway because nobody listened any more: its metrics say so.
export async function endedAtGateway(name) {
  const headers = { authorization: `Bearer ${process.env.CLIENTS_ADMIN_KEY}` };
  const wanted = `gateway_requests_total{code="",kind="subscription",operation="${name}",outcome="gone"} 1.0`;
  let lines;
  for (let tries = 0; !lines?.includes(wanted) && tries < 1000; tries++) {
    const response = await fetch(new URL("/metrics", URL_), { headers });
    lines = (await response.text()).split("\n");
  }
  assert.ok(lines.includes(wanted), lines.filter((line) => line.startsWith("gateway_requests_total")).join("\n"));
}

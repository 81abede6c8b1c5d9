// What the page in examples/people asks with, against the gateway, and against streams that come in odd pieces.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test, { after, before } from "node:test";
import { Gateway, Refused } from "../../examples/people/gateway.js";
import { URL_, withoutPackagex } from "./support.mjs";

const SUBSCRIPTION = "subscription { events { cursor } }";
const next = (cursor) => `event: next\ndata: {"data":\ndata: {"events":{"cursor":"${cursor}"}}}\n\n`;
let answer;
const server = createServer((request, response) => answer(request, response));
let strange;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  strange = new Gateway(`http://127.0.0.1:${server.address().port}/`, "");
});
after(() => server.close());

// Sends bytes one by one, each as a piece of its own.
const sends = (text, end = (response) => response.end()) =>
  async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const byte of Buffer.from(text)) await new Promise((sent) => response.write(Buffer.of(byte), sent));
    end(response);
  };

async function cursors() {
  const found = [];
  for await (const { events } of await strange.subscribe(SUBSCRIPTION)) found.push(events.cursor);
  return found;
}

test("data and warnings come from the gateway", async () => {
  const gateway = new Gateway(URL_, process.env.CLIENTS_KEY);
  const { data, warnings } = await withoutPackagex(() =>
    gateway.ask('{ contacts(first: 4, search: "nobody asked this before") { nodes { id } } }'),
  );
  assert.deepEqual(data.contacts.nodes, []);
  assert.deepEqual(warnings.map(({ source }) => source), ["PACKAGEX"]);
});

test("what the gateway refuses has its code", async () => {
  await assert.rejects(new Gateway(URL_, "no key").ask("{ sources { name } }"), { code: "UNAUTHENTICATED" });
});

test("a stream may be cut anywhere, also within a character", async () => {
  const text = `: alive\n\n${next("é…😀")}${next("2")}event: complete\ndata:\n\n${next("never")}`;
  for (const ends of ["\n", "\r\n"]) {
    answer = sends(text.replaceAll("\n", ends));
    assert.deepEqual(await cursors(), ["é…😀", "2"]);
  }
});

test("a stream that ends early gives what came whole", async () => {
  answer = sends(`${next("1")}event: next\ndata: {`);
  assert.deepEqual(await cursors(), ["1"]);
});

test("a stream that breaks says so", async () => {
  answer = sends(next("1"), (response) => response.destroy());
  await assert.rejects(cursors(), TypeError);
});

test("an error that ends a subscription is one", async () => {
  answer = sends('event: next\ndata: {"errors":[{"message":"No.","extensions":{"code":"FORBIDDEN"}}],"data":null}\n\n');
  await assert.rejects(cursors(), { name: "Error", code: "FORBIDDEN", message: "No." });
});

test("a gateway that has no room says when to come again", async () => {
  answer = (_, response) => {
    response.writeHead(503, { "content-type": "application/json", "retry-after": "7" });
    response.end('{"errors":[{"message":"Later.","extensions":{"code":"OVERLOADED"}}]}');
  };
  await assert.rejects(cursors(), (error) => error instanceof Refused && error.seconds === 7);
});

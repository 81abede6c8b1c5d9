// Asks a gateway: once, or with answers that keep coming (GraphQL over Server-Sent Events).

// What the gateway refuses, with the code that says why.
export class Refused extends Error {
  constructor({ message, extensions = {} }, response) {
    super(message);
    this.code = extensions.code;
    this.seconds = Number(response.headers.get("retry-after")) || extensions.retryAfterSeconds;
  }
}

export class Gateway {
  constructor(url, key) {
    this.url = url;
    this.headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  }

  // One answer: `data`, and the warnings of sources that did not do their part.
  async ask(query, variables = {}, signal = undefined) {
    const response = await this.#send(query, variables, "application/graphql-response+json", signal);
    const { data, errors, extensions } = await response.json();
    if (!data) throw new Refused(errors[0], response);
    return { data, warnings: [...(extensions?.warnings ?? []), ...(errors ?? [])] };
  }

  // Begins a subscription, and gives its answers one by one until the gateway completes it or the connection breaks.
  async subscribe(query, variables = {}, signal = undefined) {
    const response = await this.#send(query, variables, "text/event-stream", signal);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new Refused((await response.json()).errors[0], response);
    }
    return answers(response);
  }

  #send(query, variables, accept, signal) {
    const body = JSON.stringify({ query, variables });
    return fetch(this.url, { method: "POST", headers: { ...this.headers, accept }, body, signal });
  }
}

async function* answers(response) {
  for await (const { event, data } of messages(response.body)) {
    if (event === "complete") return;
    if (event !== "next") continue;
    const answer = JSON.parse(data);
    if (!answer.data) throw new Refused(answer.errors[0], response);
    yield answer.data;
  }
}

// The messages of an event stream. Lines that begin with a colon only keep the connection alive.
async function* messages(body) {
  let text = "";
  for await (const piece of pieces(body.pipeThrough(new TextDecoderStream()))) {
    const whole = (text + piece).split(/\r?\n\r?\n/);
    text = whole.pop();
    for (const message of whole) {
      const found = { event: "message", data: [] };
      for (const line of message.split(/\r?\n/)) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
        if (name === "event") found.event = value;
        if (name === "data") found.data.push(value);
      }
      yield { event: found.event, data: found.data.join("\n") };
    }
  }
}

// Not every browser can iterate a stream yet.
async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
  } finally {
    await reader.cancel();
  }
}

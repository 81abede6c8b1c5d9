// Lists the people of all sources, and what happens to them. Texts of others are set as text, never as HTML.
import { Gateway, Refused } from "./gateway.js";

const PEOPLE = `
  query People($after: String, $search: String) {
    contacts(first: 15, after: $after, search: $search) {
      nodes { id source displayName email phone company }
      pageInfo { hasNextPage endCursor }
      sources { source status message }
    }
  }
`;
const LIVE = `
  subscription Live($after: String) {
    events(after: $after) { cursor node { type contactId occurredAt } }
  }
`;
const LONGEST_PAUSE = 30_000;

const at = (id) => document.getElementById(id);
let gateway;
let list = { search: null, after: null };
let leave = new AbortController();

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text ?? "";
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(contact) {
  const made = element("tr", "", { "data-id": contact.id });
  made.append(...["displayName", "email", "phone", "company", "source"].map((key) => element("td", contact[key])));
  return made;
}

async function load() {
  const asked = list;
  at("trouble").textContent = "";
  at("more").disabled = true;
  try {
    const { data, warnings } = await gateway.ask(PEOPLE, asked, leave.signal);
    if (asked !== list) return; // another search was begun meanwhile
    const { nodes = [], pageInfo, sources = [] } = data.contacts ?? {};
    at("people").append(...nodes.map(row));
    at("sources").replaceChildren(
      ...sources.map(({ source, status, message }) =>
        element("li", `${source}: ${status}`, { "data-status": status, title: message ?? "" }),
      ),
    );
    at("warnings").replaceChildren(...warnings.map(({ message }) => element("li", message)));
    at("more").hidden = !pageInfo?.hasNextPage;
    list = { ...asked, after: pageInfo?.endCursor ?? asked.after };
  } catch (error) {
    if (!leave.signal.aborted && asked === list) at("trouble").textContent = error.message;
  } finally {
    at("more").disabled = false;
  }
}

function search(words) {
  list = { search: words.trim() || null, after: null };
  at("people").replaceChildren();
  at("more").hidden = true;
  return load();
}

// Whatever breaks the connection, the cursor of the last event continues after it, without a gap.
async function follow(signal) {
  let after = null;
  for (let pause = 1000; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    let wait = pause;
    try {
      const answers = await gateway.subscribe(LIVE, { after }, signal);
      at("live").textContent = "Listening …";
      for await (const { events } of answers) {
        if (!events) continue;
        ({ cursor: after } = events);
        pause = 500;
        const { type, contactId, occurredAt } = events.node;
        at("events").prepend(element("li", [occurredAt, type, contactId].filter(Boolean).join(" ")));
      }
      at("live").textContent = "The connection has ended. Soon again …";
    } catch (error) {
      if (signal.aborted) return;
      at("live").textContent = error.message;
      if (error instanceof Refused && !error.seconds) return;
      wait = Math.max(wait, 1000 * (error.seconds ?? 0));
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

at("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  const { url, key } = Object.fromEntries(new FormData(event.target));
  leave.abort();
  leave = new AbortController();
  gateway = new Gateway(url, key);
  document.querySelector("main").hidden = false;
  at("events").replaceChildren();
  search("");
  follow(leave.signal);
});
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search(new FormData(event.target).get("words"));
});
at("more").addEventListener("click", load);

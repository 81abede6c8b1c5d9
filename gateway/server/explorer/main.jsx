import { explorerPlugin } from "@graphiql/plugin-explorer";
import { markdown } from "@graphiql/react";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { Kind, parse } from "graphql";
import { createClient } from "graphql-sse";
import { createRoot } from "react-dom/client";
import { explained, PlanPanel, show } from "./plan.jsx";

const FIRST_PAUSE = 500; // milliseconds before a stream that broke is opened again; then twice as long each time
const WORKERS = { graphql: "graphql.worker.js", json: "json.worker.js" };

// The page takes no style element without its nonce, as Monaco and the dialogs make them.
const { nonce } = document.querySelector("script[nonce]");
document.createElement = (...what) => {
  const made = Document.prototype.createElement.apply(document, what);
  if (made instanceof HTMLStyleElement) made.nonce = nonce;
  return made;
};

// Nor does it take HTML, or a worker, from anything but this policy, where the browser knows of them: only
// Monaco and the descriptions' Markdown need it, and both escape what they are given.
const trusted = globalThis.trustedTypes?.createPolicy("explorer", {
  createHTML: (html) => html,
  createScriptURL: (url) => url,
});
if (trusted) {
  const render = markdown.render.bind(markdown);
  markdown.render = (...what) => trusted.createHTML(render(...what));
}

globalThis.MonacoEnvironment = {
  createTrustedTypesPolicy: () => trusted,
  getWorker: (_, label) => {
    const url = new URL(WORKERS[label] ?? "editor.worker.js", import.meta.url).href;
    return new Worker(trusted?.createScriptURL(url) ?? url);
  },
};

const element = document.getElementById("explorer");
const examples = JSON.parse(document.getElementById("examples").textContent);
const tabs = examples.map(({ name, query, variables }) => ({ query: `# ${name}\n${query}`, variables }));

// GraphiQL fills the editors from the remembered tabs, or on a first visit from `defaultTabs`; but it
// forgets the variables of the first one.
const firstVisit = localStorage.getItem("graphiql:tabState") === null;

// GraphiQL names the operation some time after a query was typed or a tab chosen. Where a document has one
// operation only it needs no name, so that pressing the button at once never asks for the one before.
// Its parsed document is as late, and is not handed on: `post` would look there for a subscription.
const post = createGraphiQLFetcher({ url: element.dataset.endpoint });
const send = (request, options) => post(request, { headers: options?.headers });
const fetcher = async (request, options) => {
  const asked = { ...request, operationName: neededName(request) };
  if (request.operationName === "IntrospectionQuery") return send(asked, options);
  if (isSubscription(request)) return follow(asked, options);
  const answer = await send(explained(asked), options);
  if (answer?.[Symbol.asyncIterator]) return shown(answer);
  show(answer);
  return answer;
};

// Live events come over an event stream, which takes the headers of the editor as any other request does. A
// stream that breaks is opened again, also while a gateway is restarted; what it refuses is shown at once.
async function* follow(request, options) {
  let opened = false;
  let refusal;
  const client = createClient({
    url: element.dataset.endpoint,
    headers: options?.headers ?? {},
    fetchFn: async (...asked) => {
      const answer = await fetch(...asked);
      const said = () => answer.clone().json().catch(() => failed(`The gateway answered ${answer.status}.`));
      opened ||= answer.ok;
      refusal = answer.ok || (opened && answer.status >= 500) ? undefined : await said();
      return answer;
    },
    retry: async (times) => {
      if (refusal) throw new Error("refused");
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE * 2 ** times));
    },
  });
  try {
    yield* client.iterate(request);
  } catch {
    yield refusal ?? failed("The gateway cannot be reached.");
  }
}

function failed(message) {
  return { errors: [{ message }] };
}

function isSubscription({ query, operationName }) {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    const chosen = operations.length > 1 ? operations.find(({ name }) => name?.value === operationName) : operations[0];
    return chosen?.operation === "subscription";
  } catch {
    return false;
  }
}

// Answers may come in parts.
async function* shown(answers) {
  for await (const answer of answers) {
    show(Array.isArray(answer) ? answer[0] : answer);
    yield answer;
  }
}

function neededName({ query, operationName }) {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return operations.length > 1 ? operationName : undefined;
  } catch {
    return operationName; // the gateway says what is wrong with the query
  }
}

createRoot(element).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[HISTORY_PLUGIN, explorerPlugin()]}
    defaultTabs={tabs.length > 0 ? tabs : undefined}
    initialVariables={firstVisit ? tabs[0]?.variables : undefined}
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>Contacts</GraphiQL.Logo>
    <GraphiQL.Footer>
      <PlanPanel />
    </GraphiQL.Footer>
  </GraphiQL>,
);

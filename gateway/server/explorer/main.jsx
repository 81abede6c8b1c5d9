import { explorerPlugin } from "@graphiql/plugin-explorer";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { Kind, parse } from "graphql";
import { createRoot } from "react-dom/client";

const WORKERS = { graphql: "graphql.worker.js", json: "json.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(new URL(WORKERS[label] ?? "editor.worker.js", import.meta.url)),
};

const element = document.getElementById("explorer");
const examples = JSON.parse(document.getElementById("examples").textContent);
const tabs = examples.map(({ name, query, variables }) => ({ query: `# ${name}\n${query}`, variables }));

// GraphiQL fills the editors from the remembered tabs, or on a first visit from `defaultTabs`; but it
// forgets the variables of the first one.
const firstVisit = localStorage.getItem("graphiql:tabState") === null;

// GraphiQL names the operation some time after a query was typed or a tab chosen. Where a document has one
// operation only it needs no name, so that pressing the button at once never asks for the one before.
const send = createGraphiQLFetcher({ url: element.dataset.endpoint });
const fetcher = (request, options) => send({ ...request, operationName: neededName(request) }, options);

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
  </GraphiQL>,
);

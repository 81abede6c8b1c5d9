import { explorerPlugin } from "@graphiql/plugin-explorer";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
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

createRoot(element).render(
  <GraphiQL
    fetcher={createGraphiQLFetcher({ url: element.dataset.endpoint })}
    plugins={[HISTORY_PLUGIN, explorerPlugin()]}
    defaultTabs={tabs.length > 0 ? tabs : undefined}
    initialVariables={firstVisit ? tabs[0]?.variables : undefined}
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>Contacts</GraphiQL.Logo>
  </GraphiQL>,
);

// Bundles GraphiQL into assets/, which page.py refers to by the names given here.

import { rm } from "node:fs/promises";
import { build } from "esbuild";

const common = {
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: "assets",
  logLevel: "info",
  legalComments: "linked",
  define: { "process.env.NODE_ENV": '"production"' },
};

await rm("assets", { recursive: true, force: true });

await build({
  ...common,
  entryPoints: { explorer: "main.jsx" },
  format: "esm",
  jsx: "automatic",
  // One copy of graphql-js for who imports it and who requires it: two copies do not know each other's types.
  mainFields: ["browser", "module", "main"],
  // explorer.css brings the styles of Monaco too.
  loader: { ".css": "empty" },
});

await build({ ...common, entryPoints: { explorer: "explorer.css" } });

await build({
  ...common,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  },
  format: "iife",
});

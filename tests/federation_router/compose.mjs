// Composes lists of subgraphs: `[[{name, url, sdl}]]` on standard input, what came of each on standard output.
import { composeServices } from "@apollo/composition";
import { text } from "node:stream/consumers";
import { parse } from "graphql";
import { pathToFileURL } from "node:url";

export function compose(subgraphs) {
  const services = subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
  const { errors, hints, supergraphSdl } = composeServices(services);
  return {
    errors: (errors ?? []).map(({ message, extensions }) => ({ message, code: extensions?.code })),
    hints: (hints ?? []).map(({ definition, message }) => ({ code: definition.code, message })),
    supergraph: supergraphSdl ?? null,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(compose)));
}

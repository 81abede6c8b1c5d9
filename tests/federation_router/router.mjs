// A router in front of the gateway and two small subgraphs of other people: one knows contacts by their id,
// one by what their source calls them. Arguments: the gateway's address, a key to read its schema with, and
// `{reviews: [id of a contact], deals: [{source, sourceId}]}`.
import { readFileSync } from "node:fs";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { compose } from "./compose.mjs";

const [gateway, key, given] = process.argv.slice(2);
const known = JSON.parse(given);
const listen = { port: 0, host: "127.0.0.1" };

const reviews = known.reviews.map((id, place) => ({ id: `r${place}`, text: `Review ${place}`, contact: { id } }));
const pageInfo = { hasNextPage: false, hasPreviousPage: false };
const others = {
  reviews: {
    Query: { reviews: (_, { first }) => ({ nodes: reviews.slice(0, first ?? reviews.length), pageInfo }) },
    Contact: { reviews: ({ id }) => reviews.filter(({ contact }) => contact.id === id) },
  },
  deals: { Query: { deals: () => known.deals.map((buyer, place) => ({ title: `Deal ${place}`, buyer })) } },
};

async function serve(name) {
  const sdl = readFileSync(new URL(`${name}.graphql`, import.meta.url), "utf8");
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: others[name] });
  const { url } = await startStandaloneServer(new ApolloServer({ schema }), { listen });
  return { name, url, sdl };
}

async function read(url) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify({ query: "{ _service { sdl } }" }),
  });
  return (await answer.json()).data._service.sdl;
}

const url = `${gateway}/graphql`;
const subgraphs = [{ name: "contacts", url, sdl: await read(url) }, await serve("reviews"), await serve("deals")];
const composed = compose(subgraphs);
if (composed.supergraph === null) throw new Error(JSON.stringify(composed.errors));

class Source extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    request.http.headers.set("x-partial", "errors");
    for (const name of ["x-api-key", "x-request-id"]) {
      if (context?.[name]) request.http.headers.set(name, context[name]);
    }
  }
}

const router = new ApolloServer({
  gateway: new ApolloGateway({
    supergraphSdl: composed.supergraph,
    buildService: ({ url }) => new Source({ url }),
  }),
});
const context = async ({ req }) => req.headers;
const { url: address } = await startStandaloneServer(router, { listen, context });
console.log(`The router answers on ${address}`);

// The client preset of GraphQL Code Generator. The SDL tells `@oneOf`, for which its introspection does not ask.
const headers = { authorization: `Bearer ${process.env.CLIENTS_KEY}` };

export default {
  schema: [{ [`${process.env.CLIENTS_GATEWAY}/schema.graphql`]: { headers } }],
  documents: ["people.ts"],
  importExtension: ".js",
  generates: {
    "gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: { useTypeImports: true, scalars: { DateTime: "string", JSON: "unknown", Upload: "Blob" } },
    },
  },
};

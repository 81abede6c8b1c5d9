// The rules of graphql-eslint that schema.graphql keeps to. What is left out says why.
import plugin from "@graphql-eslint/eslint-plugin";

const RULES = {
  ...plugin.configs["flat/schema-recommended"].rules,
  ...plugin.configs["flat/schema-relay"].rules,
  // In neither of the two, and kept all the same.
  "@graphql-eslint/input-name": "error",
  "@graphql-eslint/no-scalar-result-type-on-mutation": "error",
  "@graphql-eslint/require-nullable-fields-with-oneof": "error",
  "@graphql-eslint/require-nullable-result-in-root": "error",
};

const EXCEPTIONS = {
  // The rule knows one style only. Here a sentence stands in one line, and a longer text in a block.
  "@graphql-eslint/description-style": "off",
  // Paging goes forward only: what sources give has no end to begin at.
  "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
  // Lists that are short and whole, such as the tags of a contact, need no paging; and every connection has
  // `nodes` beside its edges. That nodes are a Node is tested beside this file, where two may be none.
  "@graphql-eslint/relay-edge-types": [
    "error",
    { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false },
  ],
  // Only what can be read again has an id. These are parts of something that has one, or answers.
  "@graphql-eslint/strict-id-in-types": [
    "error",
    {
      exceptions: {
        suffixes: ["Connection", "Edge", "Payload"],
        types: [
          "Address", // some have one, within their source
          "AuditRecord", // its `number` names it, within the account
          "Capability",
          "ColumnMap",
          "FieldCandidate",
          "FieldChange",
          "FieldProvenance", // its `field` names it, within the person
          "MatchReason",
          "PersonMember", // its contact names it
          "PersonSuggestion",
          "ContactProperty", // its `key` names it, within the contact
          "ImportReport",
          "ImportRow",
          "Note", // sources give notes no ids
          "PageInfo",
          "PropertyOption",
          "RateLimitInfo",
          "SourceInfo", // its `source` names it
          "SourceOutcome",
          "UserError",
          "WriteOutcome",
        ],
      },
    },
  ],
};

export default [
  {
    files: ["schema.graphql"],
    plugins: { "@graphql-eslint": plugin },
    languageOptions: {
      parser: plugin.parser,
      parserOptions: { graphQLConfig: { schema: "schema.graphql" } },
    },
    rules: { ...RULES, ...EXCEPTIONS },
  },
];

// A program whose queries are typed by the schema alone: it fails to compile where these types are not as it thinks.
import { GraphQLClient } from "graphql-request";
import { graphql } from "./gql/index.js";
import type { ContactBy, PeopleQuery, Source, SourceOutcomeStatus } from "./gql/graphql.js";

const PEOPLE = graphql(`
  query People($first: Int, $sources: [Source!]) {
    contacts(first: $first, sources: $sources) {
      nodes { id source displayName emails asOf properties(keys: ["city"]) { key value } }
      sources { source status }
    }
  }
`);
const ONE = graphql(`
  query One($by: ContactBy!) {
    contact(by: $by) { id displayName }
  }
`);
const THINGS = graphql(`
  query Things($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on Contact { displayName } ... on Group { memberCount } }
  }
`);
const CREATE = graphql(`
  mutation Create($input: CreateContactInput!) {
    createContact(input: $input) {
      contacts { id displayName }
      outcomes { source status applied ignored }
      userErrors { field code }
    }
  }
`);

type Person = NonNullable<PeopleQuery["contacts"]>["nodes"][number];

const client = new GraphQLClient(`${process.env["CLIENTS_GATEWAY"]}/graphql`, {
  headers: { authorization: `Bearer ${process.env["CLIENTS_KEY"]}` },
});

// A connection may be null (its sources may all fail); what stands in it is not.
const { contacts } = await client.request(PEOPLE, { first: 4, sources: ["SAMESPACE", "PACKAGEX"] });
const people: Person[] = contacts?.nodes ?? [];
const statuses: [Source, SourceOutcomeStatus][] = (contacts?.sources ?? []).map(({ source, status }) => [source, status]);
const first = people[0]!;
const name: string | null | undefined = first.displayName;
const emails: string[] = first.emails;
const asOf: string = first.asOf;
const city: unknown = first.properties[0]?.value;

const by: ContactBy = { sourceId: { source: "PACKAGEX", sourceId: "nobody" } };
const nobody = await client.request(ONE, { by });
const one = await client.request(ONE, { by: { id: first.id } });
const { nodes } = await client.request(THINGS, { ids: people.map(({ id }) => id) });
const names = (nodes ?? []).map((node) => (node?.__typename === "Contact" ? node.displayName : null));
// @ts-expect-error: exactly one of the two names a contact
const both: ContactBy = { id: first.id, sourceId: { source: "PACKAGEX", sourceId: "nobody" } };
// @ts-expect-error: a source that there is not
const elsewhere = () => client.request(PEOPLE, { sources: ["HUBSPOT"] });

const { createContact } = await client.request(CREATE, {
  input: { targets: [{ source: "SAMESPACE" }, { source: "PACKAGEX" }], contact: { firstName: "Typed", lastName: "Client" } },
});

const seen = { people: people.length, statuses, name, names, emails, asOf, city, nobody, one, createContact, both, elsewhere };
console.log(JSON.stringify(seen));

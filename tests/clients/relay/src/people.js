// What relay-compiler reads: a list that is paged, a contact that is read again by its id, and a mutation.
graphql`
  query peopleQuery($count: Int!, $cursor: String) {
    ...people_list @arguments(count: $count, cursor: $cursor)
  }
`;

graphql`
  fragment people_list on Query
  @refetchable(queryName: "peoplePaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    contacts(first: $count, after: $cursor) @connection(key: "people_contacts") {
      edges { node { id source firstName ...people_contact } }
      sources { source status }
    }
  }
`;

graphql`
  fragment people_contact on Contact @refetchable(queryName: "peopleContactQuery") {
    firstName
    displayName
    chat { id unreadMessages }
  }
`;

graphql`
  mutation peopleRenameMutation($id: ID!, $firstName: String!) {
    updateContact(input: { id: $id, contact: { firstName: $firstName } }) {
      contact { id firstName displayName }
      userErrors { code }
    }
  }
`;

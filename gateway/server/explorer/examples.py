"""The queries that GraphiQL opens with. They work in the sandbox, and against any account."""

from typing import Final

from gateway.server.explorer.page import Example

EXAMPLES: Final = (
    Example(
        name="People of all three systems",
        query="""\
query People {
  contacts(first: 9) {
    nodes {
      source
      displayName
      email
      phoneE164
      tags { name }
      properties { key value }
    }
    sources { source status returned }
    pageInfo { hasNextPage endCursor }
  }
}
""",
        variables="",
    ),
    Example(
        name="One person, and why",
        query="""\
query OnePerson($search: String) {
  people(first: 3, search: $search) {
    nodes {
      displayName
      emails
      phones
      members {
        contact { source displayName email phone }
        confidence
        reasons { rule left right normalisedAs }
      }
      provenance(fields: ["displayName", "company"]) {
        field
        chosen
        rule
        conflicting
        candidates { source value }
      }
    }
    sources { source status asOf }
  }
}
""",
        variables='{ "search": "anthony" }',
    ),
    Example(
        name="Search, filter, sort",
        query="""\
query Find($name: String) {
  contacts(first: 10, filter: { name: $name }, orderBy: { field: NAME }) {
    totalCount
    nodes {
      id
      source
      displayName
      email
      company
    }
    sources { source status fromCache asOf }
  }
}
""",
        variables='{ "name": "an" }',
    ),
    Example(
        name="Groups and their members",
        query="""\
query Groups {
  groups(first: 5) {
    nodes {
      name
      memberCount
      primaryContacts { displayName }
      members(first: 3) { nodes { displayName email } }
    }
  }
}
""",
        variables="",
    ),
    Example(
        name="Chats and messages",
        query="""\
query Chats {
  contacts(first: 3, sources: [SMART_SENDER]) {
    nodes {
      displayName
      chat {
        unreadMessages
        messages(first: 3) { nodes { sender fromContact text createdAt } }
      }
      communications { nodes { subscribed channel { type name } } }
    }
  }
}
""",
        variables="",
    ),
    Example(
        name="Sources, modules, properties",
        query="""\
query Sources {
  sources {
    source name enabled status breaker lastOkAt latencyMsP50 latencyMsP95
    rateLimit { limit remaining resetsAt windowSeconds }
    capabilities { operation supported caveat }
  }
  modules { name properties(first: 5) { nodes { key label type options { key label } } } }
  channels { nodes { type name active } }
}
""",
        variables="",
    ),
    Example(
        name="Create a contact in two systems",
        query="""\
mutation Create($contact: ContactInput!) {
  createContact(input: {
    targets: [{ source: SAMESPACE }, { source: PACKAGEX }]
    contact: $contact
  }) {
    contacts { id source displayName email }
    outcomes { source status applied ignored message }
    userErrors { field code message }
  }
}
""",
        variables='{ "contact": { "firstName": "Ada", "lastName": "Quux", "email": "ada@example.com" } }',
    ),
    Example(
        name="What was written lately",
        query="""\
query Events {
  events(first: 20) {
    nodes {
      type
      source
      occurredAt
      payload
      contact { displayName }
    }
    pageInfo { endCursor }
  }
}
""",
        variables="",
    ),
)

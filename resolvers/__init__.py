"""One file for each noun of schema.graphql. A field that is already in the value has no resolver."""

from collections.abc import Sequence
from typing import Final

from ariadne.types import SchemaBindable

from resolvers import (
    audit,
    chat,
    connection,
    contact,
    event,
    group,
    importing,
    mutation,
    node,
    person,
    property,
    scalars,
    source,
)

BINDABLES: Final[Sequence[SchemaBindable]] = (
    *scalars.BINDABLES,
    *node.BINDABLES,
    *contact.BINDABLES,
    *person.BINDABLES,
    *group.BINDABLES,
    *chat.BINDABLES,
    *property.BINDABLES,
    *source.BINDABLES,
    *event.BINDABLES,
    *audit.BINDABLES,
    *mutation.BINDABLES,
    *importing.BINDABLES,
    *connection.BINDABLES,
)

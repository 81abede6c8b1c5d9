"""Modules, and definitions of what contacts can hold."""

from collections.abc import Awaitable
from typing import Any

from ariadne import ObjectType, QueryType

from gateway.context import Info
from gateway.model.outcome import Connection
from gateway.model.property import Module, Property
from gateway.model.source import Source

query = QueryType()
module = ObjectType("Module")
definition = ObjectType("Property")


@query.field("modules")
def resolve_modules(_: object, info: Info) -> Awaitable[list[Module]]:
    """All modules."""
    return info.context.definitions.modules()


@query.field("properties")
def resolve_properties(
    _: object, info: Info, *, source: str, module: dict[str, Any] | None = None, **arguments: Any
) -> Awaitable[Connection]:
    """What contacts of a source can hold."""
    return info.context.definitions.page(Source(source), module, arguments)


@module.field("properties")
def resolve_module_properties(module: Module, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """What contacts of a module can hold."""
    return info.context.definitions.page_of(module, arguments)


@definition.field("module")
def resolve_module(definition: Property, info: Info) -> Awaitable[Module | None] | None:
    """The module of a definition."""
    return info.context.definitions.module(definition["_module"]) if definition["_module"] else None


@definition.field("referenceModule")
def resolve_reference_module(definition: Property, info: Info) -> Awaitable[Module | None] | None:
    """The module that a reference points to."""
    return info.context.definitions.module(reference) if (reference := definition["_reference"]) else None


BINDABLES = (query, module, definition)

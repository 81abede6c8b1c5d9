"""Imports of files."""

from collections.abc import Awaitable
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from gateway.context import Info
from gateway.model.importing import ImportJob

query = QueryType()
mutation = MutationType()
payload = ObjectType("ImportContactsPayload")


@query.field("importJob")
def resolve_import_job(_: object, info: Info, *, id: str) -> Awaitable[ImportJob | None]:
    """An import."""
    return info.context.imports.by_id(id)


@mutation.field("importContacts")
def resolve_import_contacts(_: object, info: Info, *, input: dict[str, Any]) -> Awaitable[dict[str, Any]]:
    """Import a file."""
    return info.context.imports.begin(input)


@payload.field("job")
def resolve_job(payload: dict[str, Any], info: Info) -> Awaitable[ImportJob | None]:
    """The job, as it is now."""
    return info.context.imports.written(payload)


BINDABLES = (query, mutation, payload)

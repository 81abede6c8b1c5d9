"""People: humans recognised in the records of several sources."""

from collections.abc import Awaitable, Sequence
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from gateway.context import Info
from gateway.model.contact import Contact
from gateway.model.outcome import Connection
from gateway.model.person import FieldProvenance, Person, PersonSuggestion

Payload = dict[str, Any]

query = QueryType()
mutation = MutationType()
contact = ObjectType("Contact")
person = ObjectType("Person")
links = ObjectType("LinkContactsPayload")
of_one = [ObjectType(name) for name in ("UpdatePersonPayload", "SyncPersonPayload")]
erasure = ObjectType("ErasePersonPayload")


@query.field("person")
def resolve_person(_: object, info: Info, *, by: dict[str, Any]) -> Awaitable[Person | None]:
    """One person."""
    return info.context.people.by(by, info)


@query.field("people")
def resolve_people(_: object, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """Everybody."""
    return info.context.people.page(arguments, info)


@query.field("drift")
def resolve_drift(_: object, info: Info, **arguments: Any) -> Awaitable[Connection]:
    """People whose sources disagree."""
    return info.context.people.drift(arguments, info)


@query.field("identityConflicts")
def resolve_identity_conflicts(_: object, info: Info, **arguments: Any) -> Awaitable[dict[str, Any]]:
    """Records that are held apart."""
    return info.context.people.conflicts(arguments, info)


@query.field("exportPerson")
def resolve_export_person(_: object, info: Info, *, id: str) -> Awaitable[Any]:
    """Everything that every source holds of a person."""
    return info.context.export.person(id)


@contact.field("person")
def resolve_person_of_contact(contact: Contact, info: Info) -> Awaitable[Person | None]:
    """The person whose record a contact is."""
    return info.context.people.of_contact(contact, info)


@person.field("provenance")
def resolve_provenance(
    person: Person, info: Info, *, fields: Sequence[str] | None = None
) -> list[FieldProvenance]:
    """Every value of some fields, and which one is shown."""
    return info.context.people.provenance(person, fields)


@person.field("suggestions")
def resolve_suggestions(
    person: Person, info: Info, *, first: int | None = None
) -> Awaitable[list[PersonSuggestion]]:
    """Records that look alike."""
    return info.context.people.suggestions(person, first)


@mutation.field("linkContacts")
def resolve_link_contacts(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """These are one person."""
    return info.context.writes.link_contacts(input)


@mutation.field("unlinkContacts")
def resolve_unlink_contacts(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """These are not."""
    return info.context.writes.unlink_contacts(input)


@mutation.field("neverSame")
def resolve_never_same(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """These never are."""
    return info.context.writes.never_same(input)


@mutation.field("updatePerson")
def resolve_update_person(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Write the same to every record of a person."""
    return info.context.writes.update_person(input)


@mutation.field("syncPerson")
def resolve_sync_person(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Copy values between the records of a person."""
    return info.context.writes.sync_person(input)


@mutation.field("erasePerson")
def resolve_erase_person(_: object, info: Info, *, input: Payload) -> Awaitable[Payload]:
    """Erase a person."""
    return info.context.writes.erase_person(input)


@links.field("people")
def resolve_linked_people(payload: Payload, info: Info) -> Awaitable[list[Person]]:
    """The people of the records that were named, as they are now."""
    return info.context.people.all_of(payload["people"])


@erasure.field("records")
def resolve_records(payload: Payload, info: Info) -> Awaitable[list[Contact]]:
    """The records that are meant, and those that are left."""
    return info.context.contacts.all_written(payload["records"])


def resolve_written_person(payload: Payload, info: Info) -> Awaitable[Person | None]:
    """The person of a payload, as it is after the write."""
    return info.context.people.written(payload["person"])


for bound in of_one:
    bound.set_field("person", resolve_written_person)

BINDABLES = (query, mutation, contact, person, links, *of_one, erasure)

"""Every endpoint of Samespace, one method each (samespace.md, Operations).

Queries that one operation asks at the same moment travel as root fields of one document.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from gateway import deadline, events
from gateway.cache.reads import Reads
from gateway.errors import UpstreamAuth, UpstreamBadResponse, UpstreamMissing, UpstreamRejected
from gateway.loop import running_loop
from gateway.resilience.wire import Wire, understood
from gateway.upstreams import tolerant
from gateway.upstreams.samespace.records import (
    ContactRecord,
    ImportReport,
    ModuleRecord,
    Offer,
    Pair,
    PropertyRecord,
    Report,
    Upload,
)

CONTACTS_MODULE: Final = "Contacts"
TURNS: Final = 4  # of the event loop: fields of one operation get here by ways of different length
GRAPHQL: Final = ("crm", "api")
UPLOAD: Final = ("manage", "api", "v3", "csv", "upload")

CONTACT: Final = "{ _id module properties }"
CONTACT_ID: Final = "{ _id }"
MODULE: Final = "{ _id name createdAt modifiedAt }"
PROPERTY: Final = (
    "{ _id label key type description options { label key } optionsType referenceModule addToView "
    "displayOrder required valueType default createdBy }"
)
INTROSPECTION: Final = (
    "query Offer { __schema { queryType { fields { name args { name } } } } "
    '__type(name: "QueryInput") { inputFields { name } } }'
)
INVALID: Final = "GRAPHQL_VALIDATION_FAILED"
MISSING: Final = "NOT_FOUND"
CRASHED: Final = "INTERNAL_SERVER_ERROR"  # a write that crashed may have got half way; others were refused
REJECTIONS: Final = frozenset({"BAD_USER_INPUT", MISSING, INVALID})
LARGEST_REPORT: Final = 64 * 1024 * 1024  # bytes of the answer to an import, which repeats every failed row


class _Invalid(UpstreamRejected):
    """The document does not fit the schema of the endpoint, so nothing of it was carried out."""


@dataclass(frozen=True, slots=True)
class RootField:
    """One root field of a document: its name, its arguments with their types, and what to select.

    `polled`: it is a page of a list, whose records may be `KeptRecord`.
    """

    name: str
    arguments: tuple[tuple[str, str, Any], ...]
    selection: str = ""
    polled: bool = False


@dataclass(slots=True, eq=False)
class _Batch:
    """Root fields that travel together, and the document that carries them."""

    fields: list[RootField]
    task: "asyncio.Task[tuple[list[str], Any]]"
    waiting: "list[asyncio.Future[tuple[list[str], Any]]]"

    async def sent(self) -> tuple[list[str], Any]:
        """The names in the answer, and the answer. When nobody waits any more, it is not waited for."""
        told: asyncio.Future[tuple[list[str], Any]] = running_loop().create_future()
        self.waiting.append(told)
        try:
            return await told
        finally:
            self.waiting.remove(told)
            if not self.waiting:
                self.task.cancel()

    def ended(self, task: "asyncio.Task[tuple[list[str], Any]]") -> None:
        """Tell whoever waits what has come of the document."""
        failed = None if task.cancelled() else task.exception()
        for told in self.waiting:
            if told.done():
                continue
            if task.cancelled():
                told.cancel()
            elif failed is not None:
                told.set_exception(failed)
            else:
                told.set_result(task.result())


class Client:
    """Speaks GraphQL to one Samespace endpoint."""

    def __init__(self, wire: Wire, reads: Reads, *, import_seconds: float = 300.0) -> None:
        self.purse = wire.transport.purse
        self.conditions = wire.transport.conditions
        self._wire = wire
        self.reads = reads
        self._flights = reads.flights
        self._waiting: dict[object, _Batch] = {}
        self._tells_created = True  # assumed until a server refuses it
        self._for_files = {"seconds": import_seconds, "answer_bytes": LARGEST_REPORT}

    async def get_contacts(
        self,
        module: str | None,
        skip: int,
        limit: int,
        *,
        fields: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[ContactRecord]:
        """A page of a module. `ids` uses the filter that only some endpoints offer (Reading by id)."""
        query: dict[str, Any] = {"skip": skip, "limit": limit}
        if fields is not None:
            query["fields"] = list(fields)
        if ids is not None:
            query["filter"] = {"_id": {"$in": list(ids)}}
        arguments = (*_module(module), ("query", "QueryInput", query))
        found = await self._query("getContacts", arguments, CONTACT, polled=ids is None)
        return cast("list[ContactRecord]", found)

    async def get_modules(self) -> list[ModuleRecord]:
        """All modules."""
        return cast("list[ModuleRecord]", await self._query("getModules", (), MODULE))

    async def get_properties(self, module: str | None, skip: int, limit: int) -> list[PropertyRecord]:
        """A page of the definitions of a module."""
        payload = {"query": {"skip": skip, "limit": limit}}
        arguments = (*_module(module), ("payload", "GetPropertiesInput", payload))
        return cast("list[PropertyRecord]", await self._query("getProperties", arguments, PROPERTY))

    async def create_contact(self, module: str | None, properties: Sequence[Pair]) -> ContactRecord:
        """Create a contact; the record, on older endpoints with its id only."""
        arguments = (*_module(module), ("properties", "[KeyValueInput!]!", list(properties)))
        try:
            selection = CONTACT if self._tells_created else CONTACT_ID
            created = await self._mutate("createContact", arguments, selection)
        except _Invalid:
            if not self._tells_created:
                raise
            self._tells_created = False
            created = await self._mutate("createContact", arguments, CONTACT_ID)
        tolerant.identity(self._wire.source, created, "_id")
        return cast("ContactRecord", created)

    async def update_contacts(
        self, module: str | None, ids: Sequence[str], properties: Sequence[Pair]
    ) -> Report:
        """Write the same properties to every contact named. `filter` and `all` are never sent."""
        arguments = (
            *_module(module),
            ("_id", "[ID!]", list(ids)),
            ("properties", "[KeyValueInput!]!", list(properties)),
        )
        return cast("Report", await self._mutate("updateContacts", arguments))

    async def delete_contacts(self, module: str | None, ids: Sequence[str]) -> Report:
        """Delete every contact named. `filter` and `all` are never sent."""
        arguments = (*_module(module), ("_id", "[ID!]", list(ids)))
        return cast("Report", await self._mutate("deleteContacts", arguments))

    async def create_property(self, module: str | None, payload: Mapping[str, Any]) -> PropertyRecord:
        """Define a property; the server makes its key out of the label."""
        arguments = (*_module(module), ("payload", "CreatePropertyInput!", dict(payload)))
        return cast("PropertyRecord", await self._mutate("createProperty", arguments, PROPERTY))

    async def update_property(
        self, module: str | None, property_id: str, payload: Mapping[str, Any]
    ) -> PropertyRecord:
        """Change a definition; key and type are fixed."""
        arguments = (
            *_module(module),
            ("_id", "ID!", property_id),
            ("payload", "UpdatePropertyInput!", dict(payload)),
        )
        return cast("PropertyRecord", await self._mutate("updateProperty", arguments, PROPERTY))

    async def upload(self, filename: str, content: bytes, content_type: str) -> Upload:
        """First step of an import: hand over a CSV or XLS file."""
        files = {"uploadFile": (filename, content, content_type)}
        answer = await self._wire.upload("csvUpload", UPLOAD, files, self._for_files)
        if answer.status != 200 or not isinstance(answer.json, dict) or "fileUuid" not in answer.json:
            raise UpstreamRejected(self._wire.source, "Samespace did not take the file.", fields=("file",))
        return cast("Upload", answer.json)

    async def import_contacts(
        self, module: str | None, file_uuid: str, mapping: Mapping[str, str]
    ) -> ImportReport:
        """Second step of an import; `mapping` goes from file column to property key."""
        pairs = [{"key": column, "value": key} for column, key in mapping.items()]
        arguments = (
            *_module(module),
            ("fileUuid", "String!", file_uuid),
            ("mapAttributes", "[KeyValueInput!]!", pairs),
        )
        answer = await self._mutate("importContacts", arguments, extensions=self._for_files)
        return cast("ImportReport", answer)

    async def introspect(self) -> Offer:
        """What the endpoint offers, as far as the adapter has to know."""
        body = {"query": INTROSPECTION, "operationName": "Offer"}
        answer = await self._wire.send("introspection", "POST", GRAPHQL, json=body, safe=True)
        data = self._data(answer.json)
        self._raise_first(answer.json, None)
        root = tolerant.members(tolerant.members(data.get("__schema")).get("queryType"))
        fields = [field for field in tolerant.items(root.get("fields")) if field.get("name") == "getContacts"]
        arguments = [str(arg.get("name")) for field in fields for arg in tolerant.items(field.get("args"))]
        inputs = tolerant.items(tolerant.members(data.get("__type")).get("inputFields"))
        members = [str(member.get("name")) for member in inputs]
        return {"arguments": arguments, "members": members}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.transport.aclose()

    async def _query(
        self,
        name: str,
        arguments: tuple[tuple[str, str, Any], ...],
        selection: str,
        *,
        polled: bool = False,
    ) -> Any:
        field = RootField(name, arguments, selection, polled)
        return await self._flights.share((name, repr(arguments)), lambda: self._in_next_document(field))

    async def _in_next_document(self, field: RootField) -> list[Any]:
        held = deadline.current()  # one document for each operation, so that its calls are its own
        work = events.listeners() if held is None else (held.operation, held.background)
        batch = self._waiting.get(work)
        if batch is None or batch.task.cancelling():
            fields: list[RootField] = []
            task = asyncio.create_task(self._send_document(work, fields))
            batch = self._waiting[work] = _Batch(fields, task, [])
            task.add_done_callback(batch.ended)
        place = len(batch.fields)
        batch.fields.append(field)
        names, json = await batch.sent()
        data = self._data(json)
        self._raise_first(json, names[place])
        value = data.get(names[place])
        if not isinstance(value, list):
            raise self._wire.strange(f"no list for {field.name}")
        return value

    async def _send_document(self, work: object, fields: list[RootField]) -> tuple[list[str], Any]:
        try:
            for _ in range(TURNS):  # whoever asks within these turns of the loop comes along
                await asyncio.sleep(0)
        finally:
            if self._waiting.get(work) is not None and self._waiting[work].fields is fields:
                del self._waiting[work]
        names, body = document("query", fields)
        operation = "+".join(dict.fromkeys(field.name for field in fields))
        lists = _pages if all(field.polled for field in fields) else None
        told = {"batch": len(fields)}
        answer = await self._wire.send(
            operation, "POST", GRAPHQL, json=body, safe=True, lists=lists, extensions=told
        )
        return names, answer.json

    async def _mutate(
        self,
        name: str,
        arguments: tuple[tuple[str, str, Any], ...],
        selection: str = "",
        *,
        extensions: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        names, body = document("mutation", [RootField(name, arguments, selection)])
        with understood():
            try:
                answer = await self._wire.send(name, "POST", GRAPHQL, json=body, extensions=extensions)
            finally:
                await self.reads.renew()
            if answer.status >= 400 and not isinstance(answer.json, dict):
                raise UpstreamRejected(self._wire.source, f"Samespace refused the request ({answer.status}).")
            data = self._data(answer.json, answer.status)
            value = data.get(names[0])
            if isinstance(value, dict):
                return value  # errors of what is below it do not undo it
            self._raise_first(answer.json, names[0])
            raise self._wire.strange(f"no result for {name}")

    def _data(self, json: Any, status: int = 200) -> dict[str, Any]:
        """The `data` of an answer; without any, its first error is raised."""
        if not isinstance(json, dict):
            raise self._wire.strange("an answer that is not GraphQL")
        data = json.get("data")
        if isinstance(data, dict):
            return data
        self._raise_first(json, None)
        if status >= 400:
            raise UpstreamRejected(self._wire.source, f"Samespace refused the request ({status}).")
        raise self._wire.strange("neither data nor errors")

    def _raise_first(self, json: Mapping[str, Any], name: str | None) -> None:
        """Raise the first error that concerns a root field; one without a path concerns all."""
        errors = json.get("errors")
        if errors and not isinstance(errors, list):
            raise self._wire.strange("errors that are no list")
        for error in errors or ():
            told = tolerant.members(error)
            path = told.get("path")
            path = path if isinstance(path, list) else []
            if name is not None and path and path[0] != name:
                continue
            code = tolerant.text(tolerant.members(told.get("extensions")).get("code"))
            source = self._wire.source
            if code in {"UNAUTHENTICATED", "FORBIDDEN"}:
                raise UpstreamAuth(source, f"{source} refused the gateway's key.")
            if code in REJECTIONS:
                kind = {INVALID: _Invalid, MISSING: UpstreamMissing}.get(code, UpstreamRejected)
                raise kind(source, f"{source} refused the request ({code}).")
            unknown = UpstreamBadResponse(source, f"{source} answered with an error.")
            unknown.uncertain = code == CRASHED
            raise unknown


def document(kind: str, fields: Sequence[RootField]) -> tuple[list[str], dict[str, Any]]:
    """One document out of root fields: the name of each in the answer, and the body to send.

    A field alone keeps its name and those of its arguments, as the vendor's documents write it.
    """
    names: list[str] = []
    variables: dict[str, Any] = {}
    declared: list[str] = []
    parts: list[str] = []
    for place, field in enumerate(fields):
        suffix = str(place) if place else ""
        name = field.name if field.name not in names else f"{field.name}{suffix}"
        names.append(name)
        passed = []
        for argument, type_, value in field.arguments:
            variable = f"{argument.lstrip('_')}{suffix}"
            variables[variable] = value
            declared.append(f"${variable}: {type_}")
            passed.append(f"{argument}: ${variable}")
        alias = "" if name == field.name else f"{name}: "
        arguments = f"({', '.join(passed)})" if passed else ""
        parts.append(f"{alias}{field.name}{arguments} {field.selection}".rstrip())
    title = fields[0].name[0].upper() + fields[0].name[1:]
    signature = f"({', '.join(declared)})" if declared else ""
    text = f"{kind} {title}{signature} {{ {' '.join(parts)} }}"
    return names, {"query": text, "operationName": title, "variables": variables}


def _module(module: str | None) -> tuple[tuple[str, str, Any], ...]:
    if module is None:
        return (("moduleName", "String", CONTACTS_MODULE),)
    return (("module", "ID", module),)


def _pages(json: Any) -> list[list[Any]]:
    data = json.get("data") if isinstance(json, dict) else None
    return [each for each in data.values() if isinstance(each, list)] if isinstance(data, dict) else []

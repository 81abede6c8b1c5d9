"""PackageX as its documents describe it: contacts over REST, in memory."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.upstreams.emulation import ANY, Switchboard, control_routes
from gateway.upstreams.packagex.emulator_addresses import Address, AddressBook
from gateway.upstreams.packagex.emulator_checks import (
    create_errors,
    group_errors,
    merged_metadata,
    update_errors,
)
from gateway.upstreams.packagex.emulator_envelope import (
    NOT_FOUND,
    RATE_LIMITED,
    UNAUTHORIZED,
    Answer,
    ErrorCodeKey,
    Refused,
    invalid,
)
from gateway.upstreams.packagex.emulator_examples import EXAMPLES
from gateway.upstreams.packagex.emulator_listing import read_listing, searched, select
from gateway.upstreams.packagex.emulator_load import load
from gateway.upstreams.packagex.emulator_sheet import read_rows
from gateway.upstreams.packagex.emulator_store import Store
from gateway.upstreams.packagex.seed import Record
from gateway.upstreams.people import Population

CONTACTS = "/v1/contacts"
KEY_HEADERS = ("PX-API-KEY", "X-API-KEY")


class Emulator:
    """One organization in PackageX, full of people.

    `total_count` and `error_code_key` are where deployments differ; `next_ids` are given to new contacts.
    """

    def __init__(
        self,
        people: Population,
        clock: Callable[[], float] = time.time,
        *,
        total_count: bool = True,
        error_code_key: ErrorCodeKey = "code",
    ) -> None:
        self.total_count = total_count
        self.error_code_key = error_code_key
        self.switches = Switchboard()
        self._clock = clock
        self._store = Store(people)
        self._addresses = AddressBook(self._store.seeded_address)
        self.next_ids = self._store.next_ids
        self.app = Starlette(
            routes=[
                Route(CONTACTS, self._list, methods=["GET"]),
                Route(CONTACTS, self._create, methods=["POST"]),
                Route(CONTACTS + "/{contact}", self._get, methods=["GET"]),
                Route(CONTACTS + "/{contact}", self._update, methods=["POST"]),
                Route(CONTACTS + "/{contact}", self._delete, methods=["DELETE"]),
                *control_routes(self.switches),
            ]
        )

    def add_examples(self) -> None:
        """Add the records of the published examples."""
        for record in EXAMPLES:
            self._store.insert(record)
            if record["address"] is not None:
                self._addresses.add(record["address"])

    def throttle(self, times: int | None = None) -> None:
        """Answer 429 from now on, or so many times."""
        body = orjson.dumps(RATE_LIMITED.enveloped(CONTACTS, self.error_code_key)).decode()
        self.switches.fail(ANY, status=RATE_LIMITED.status, body=body, times=times)

    async def _list(self, request: Request) -> Response:
        return await self._play(request, "listContacts", lambda: self._listed(request.query_params))

    async def _create(self, request: Request) -> Response:
        body = await _body(request)
        return await self._play(request, _create_operation(body), lambda: self._created(_object(body)))

    async def _get(self, request: Request) -> Response:
        return await self._play(request, "getContact", lambda: self._retrieved(_identity(request)))

    async def _update(self, request: Request) -> Response:
        body = await _body(request)
        serial = self._store.serial(_identity(request))
        is_group = serial is not None and self._store.kind(serial) == "group"
        operation = "updateGroup" if is_group else "updatePerson"
        return await self._play(request, operation, lambda: self._updated(_identity(request), _object(body)))

    async def _delete(self, request: Request) -> Response:
        return await self._play(request, "deleteContact", lambda: self._deleted(_identity(request)))

    async def _play(self, request: Request, operation: str, work: Callable[[], Answer]) -> Response:
        async def answer() -> Response:
            try:
                done = work() if any(request.headers.get(name) for name in KEY_HEADERS) else UNAUTHORIZED
            except Refused as refused:
                done = refused.answer
            return JSONResponse(done.enveloped(request.url.path, self.error_code_key), done.status)

        return await self.switches.play([operation], answer)

    def _listed(self, query: Mapping[str, str]) -> Answer:
        listing = read_listing(query)
        chosen = select(self._store, listing)
        start, end = (listing.page - 1) * listing.limit, listing.page * listing.limit
        data = []
        for serial in chosen[start:end]:
            found = {"_search": searched(self._store.face(serial), listing.terms)} if listing.terms else {}
            data.append(self._store.shown(serial) | found)
        pagination = {"limit": listing.limit, "page": listing.page, "has_more": end < len(chosen)}
        if self.total_count:
            pagination["total_count"] = len(chosen)
        return Answer(message="Contacts retrieved", data=data, pagination=pagination)

    def _retrieved(self, identity: str) -> Answer:
        return Answer(message="Contact retrieved", data=self._store.shown(self._serial(identity)))

    def _created(self, body: Record) -> Answer:
        if errors := create_errors(body):
            raise invalid(errors)
        if "csv_url" in body:
            return self._loaded(body["csv_url"], overwrite=body.get("overwrite", False))
        address = self._resolved(body["address"], body.get("address_line2")) if "address" in body else None
        serial = self._store.add(
            body.get("type", "person"),
            body["name"],
            self._now(),
            email=body.get("email"),
            phone=body.get("phone"),
            address=address,
            notes=body.get("notes"),
            metadata=merged_metadata({}, body.get("metadata")),
        )
        return Answer(status=201, message="Contact created", data=self._store.shown(serial))

    def _loaded(self, csv_url: str, *, overwrite: bool) -> Answer:
        rows = read_rows(csv_url)
        if overwrite:
            self._store.clear()
        return load(rows, self._store, self._addresses, self._now())

    def _updated(self, identity: str, body: Record) -> Answer:
        serial = self._serial(identity)
        if not body:
            raise invalid([])
        record = self._store.record(serial)
        if errors := update_errors(body) or self._group_errors(serial, body):
            raise invalid(errors)
        changes: Record = {name: body[name] for name in ("name", "email", "phone", "notes") if name in body}
        changes["address"] = self._address_after(record["address"], body)
        if "metadata" in body:
            changes["metadata"] = merged_metadata(record["metadata"], body["metadata"])
        if "group_contacts" in body:
            changes["group_contacts"] = self._store.shown(serial)["group_contacts"] | body["group_contacts"]
        self._store.put(serial, record | changes | {"updated_at": self._now()})
        return Answer(message="Contact updated", data=self._store.shown(serial))

    def _deleted(self, identity: str) -> Answer:
        serial = self._serial(identity)
        shown = self._store.shown(serial)
        self._store.remove(serial)
        return Answer(message="Contact deleted", data=shown)

    def _group_errors(self, serial: int, body: Record) -> list[str]:
        if "group_contacts" not in body:
            return []
        stored = self._store.shown(serial)["group_contacts"]
        if stored is None:
            return ["group_contacts"]
        return group_errors(body["group_contacts"], stored, self._store.__contains__)

    def _address_after(self, stored: Address | None, body: Record) -> Address | None:
        """The address after an update; a unit alone moves the contact within its building."""
        if "address" in body:
            if body["address"] is None:
                return None
            return self._resolved(body["address"], body.get("address_line2"))
        if "address_line2" in body and stored is not None:
            return self._addresses.with_unit(stored, body["address_line2"])
        return stored

    def _resolved(self, text: str, line2: str | None) -> Address:
        address = self._addresses.resolve(text, line2)
        if address is None:
            raise invalid(["address"])
        return address

    def _serial(self, identity: str) -> int:
        serial = self._store.serial(identity)
        if serial is None:
            raise Refused(NOT_FOUND)
        return serial

    def _now(self) -> int:
        return int(self._clock())


def _identity(request: Request) -> str:
    return str(request.path_params["contact"])


async def _body(request: Request) -> object:
    """The JSON that was sent; None when it is none."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid([])
    return body


def _create_operation(body: object) -> str:
    """Which of the three ways to create contacts a body takes."""
    if isinstance(body, dict) and "csv_url" in body:
        return "createFromCsv"
    return "createGroup" if isinstance(body, dict) and body.get("type") == "group" else "createPerson"

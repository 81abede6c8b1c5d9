"""Samespace as its documents describe it: a GraphQL endpoint and a file upload, over data in memory."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.upstreams.emulation import Switchboard, control_routes
from gateway.upstreams.people import Population, scatter
from gateway.upstreams.samespace.emulator_account import Account
from gateway.upstreams.samespace.emulator_documents import prepare, run
from gateway.upstreams.samespace.emulator_examples import CONTACTS, FILE, FILE_UUID, REFUSED_PHONE
from gateway.upstreams.samespace.emulator_files import Unreadable, read_table

BAD_KEY = "Invalid API key"


class Emulator:
    """One Samespace account: `POST /crm/api` and `POST /manage/api/v3/csv/upload`.

    `introspection` and `offers_filter` may be changed at any time: without the first, `__schema` and
    `__type` are refused; with the second, `QueryInput` takes `filter` and `sort`.
    """

    def __init__(
        self,
        people: Population,
        clock: Callable[[], float] = time.time,
        *,
        introspection: bool = True,
        offers_filter: bool = False,
    ) -> None:
        self.introspection = introspection
        self.offers_filter = offers_filter
        self.switches = Switchboard()
        self._seed = people.seed
        self._uploads = 0
        self._account = Account(people, clock)
        self.app = Starlette(
            routes=[
                Route("/crm/api", self._graphql, methods=["POST"]),
                Route("/manage/api/v3/csv/upload", self._upload, methods=["POST"]),
                *control_routes(self.switches),
            ]
        )

    @property
    def refused_phones(self) -> set[str]:
        """Phone numbers that an import refuses although they look well; empty unless a test fills it."""
        return self._account.refused_phones

    def add_examples(self) -> None:
        """Add the records of the published examples."""
        for contact in CONTACTS:
            self._account.modules[0].contacts.put(contact)
        self._account.files[FILE_UUID] = FILE
        # The example of importContacts refuses 12025550121 next to an accepted 12025550120, and no rule
        # about digits can tell the two apart: the number is refused by name.
        self.refused_phones.add(REFUSED_PHONE)

    async def _graphql(self, request: Request) -> Response:
        body = parsed(await request.body())
        if body is None:
            return await self.switches.play([], bad_request)
        document = prepare(body["query"], self.introspection, self.offers_filter)

        async def answer() -> Response:
            if not request.headers.get("x-api-key"):
                error = {"message": BAD_KEY, "extensions": {"code": "UNAUTHENTICATED"}}
                return reply({"errors": [error], "data": None}, 401)
            return reply(run(document, body, self._account.root, self.offers_filter))

        return await self.switches.play(document.operations(body.get("operationName")), answer)

    async def _upload(self, request: Request) -> Response:
        async def answer() -> Response:
            if not request.headers.get("x-api-key"):
                return reply({"message": BAD_KEY}, 401)
            try:
                return reply(await self._store(request))
            except Unreadable as problem:
                return reply({"message": str(problem)}, 400)

        return await self.switches.play(["csvUpload"], answer)

    async def _store(self, request: Request) -> dict[str, Any]:
        try:
            async with request.form() as form:
                part = form.get("uploadFile")
                if not isinstance(part, UploadFile):
                    raise Unreadable("uploadFile is missing")
                filename, content = part.filename or "", await part.read()
        except HTTPException:
            raise Unreadable("uploadFile could not be read") from None
        # A large workbook takes a while; the sandbox has other work in this event loop.
        table = await asyncio.to_thread(read_table, filename, content)
        self._uploads += 1
        number = scatter(self._seed, self._uploads, 1) << 64 | scatter(self._seed, self._uploads, 2)
        file_uuid = str(UUID(int=number, version=4))
        self._account.files[file_uuid] = table
        return {
            "fileUuid": file_uuid,
            "filename": filename,
            "columns": table.columns,
            "preview": table.records[0] if table.records else {},
        }


def reply(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type="application/json")


async def bad_request() -> Response:
    """The answer to a body that is no GraphQL request."""
    error = {"message": "The body must be a GraphQL request", "extensions": {"code": "BAD_REQUEST"}}
    return reply({"errors": [error]}, 400)


def parsed(body: bytes) -> dict[str, Any] | None:
    """A GraphQL request with members of the right types, or None."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(request, dict) or not isinstance(request.get("query"), str):
        return None
    if not isinstance(request.get("variables"), dict | None):
        return None
    return request if isinstance(request.get("operationName"), str | None) else None

"""Imports of files, as a request sees them."""

from dataclasses import dataclass
from typing import Any

from gateway import deadline
from gateway.context.asked import Asked
from gateway.context.writes import Writes
from gateway.errors import BadInput, Forbidden
from gateway.federation.asking import Arguments
from gateway.imports import jobs
from gateway.imports.jobs import Imports as Jobs
from gateway.model import ids
from gateway.model.importing import ImportJob, Upload
from gateway.model.source import Source


@dataclass(frozen=True, slots=True)
class Imports:
    """The verbs of imports."""

    asked: Asked
    writes: Writes
    jobs: Jobs

    async def begin(self, given: Arguments) -> dict[str, Any]:
        """Import a file, and wait for it within the deadline."""
        upload = given["file"]
        if not isinstance(upload, Upload):
            raise BadInput("Send the file along: GraphQL multipart request.")
        plain = {name: value for name, value in given.items() if name != "file"}

        async def work() -> dict[str, Any]:
            return await self.jobs.begin(self.asked.caller, given, self.asked.request_id)

        payload = await self.writes.once("importContacts", plain, work, upload.sha256)
        if payload["job"] is not None:
            left = deadline.seconds_left(float("inf"))
            await self.jobs.wait(self._number(payload["job"]), left - min(jobs.MARGIN, left * jobs.SHORT))
        self.asked.renew()
        return {**payload, "clientMutationId": given.get("clientMutationId")}

    async def by_id(self, text: str) -> ImportJob | None:
        """An import, by its global id."""
        return await self.one(self._number(text))

    async def written(self, payload: Arguments) -> ImportJob | None:
        """The job of a payload."""
        return None if payload["job"] is None else await self.by_id(payload["job"])

    async def one(self, number: int) -> ImportJob | None:
        """An import, by its number: without the reports of sources that the key does not cover."""
        found = await self.jobs.get(number)
        if found is None:
            return None
        modules = found.get("_modules") or {}
        kept = [
            report
            for report in found["reports"]
            if await self._covers(Source(report["source"]), modules.get(report["source"]))
        ]
        if found["reports"] and not kept:
            raise Forbidden("Your key does not cover the sources of this import.")
        return {**found, "reports": kept}

    async def _covers(self, source: Source, module: str | None) -> bool:
        return await self.asked.directory.covers(source, module, self.asked.caller)

    def _number(self, text: str) -> int:
        return ids.expect_own(text, "ImportJob", self.asked.directory.account)

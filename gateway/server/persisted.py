"""The document of a request: sent with it, registered before, or listed in the operator's manifest.

Whatever runs passes `Persisted.of`, over every transport: where a manifest is enforced, nothing else runs.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.engine import persisted
from gateway.engine.documents import Document, Documents
from gateway.engine.persisted import NOTHING, SHA256, BadManifest, Manifest, Mode, Registered, digest
from gateway.errors import GatewayError
from gateway.model.caller import Caller
from gateway.resilience.transport import Sleep
from gateway.server.again import again
from gateway.server.parameters import Parameters
from gateway.server.problems import NotJson, Refusal
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics

HASH: Final = re.compile(r"[0-9a-f]{64}")
LOOK_SECONDS: Final = 5.0  # between two looks at the file of the manifest
MANIFEST: Final = "manifest"
REGISTERED: Final = "registered"
TEXT: Final = "text"


class NotRegistered(Refusal):
    """A hash that is not known: an ordinary step of Apollo's protocol, so with its words and its status."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    status = 200

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class NotSupported(Refusal):
    """A hash where none is ever known: clients send whole texts from then on."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    status = 200

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class NotListed(GatewayError):
    """A `documentId` that names nothing."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class Required(GatewayError):
    """A document that does not stand in the manifest, where only those run."""

    code = "PERSISTED_QUERY_REQUIRED"


@dataclass(slots=True, eq=False, kw_only=True)
class Persisted:
    """All documents that may run. `registered` is None where callers cannot register any."""

    documents: Documents
    metrics: Metrics
    mode: Mode = Mode.OFF
    manifest: Manifest = NOTHING
    registered: Registered | None = None

    def of(self, asked: Parameters, caller: Caller, request_id: str) -> Document:
        """The document of a request; counted, and told where an audit misses it in the manifest.

        Raises what `find` raises.
        """
        document, origin = self.find(asked, caller)
        self.metrics.document(origin)
        if self.mode is Mode.AUDIT and origin != MANIFEST:
            operation = document.chosen(asked.operation).name
            self.metrics.unlisted(operation)
            hashed = _hash(asked) if asked.query is None else digest(asked.query)
            logs.unlisted(request_id, operation, caller.name, hashed)
        return document

    def find(self, asked: Parameters, caller: Caller) -> tuple[Document, str]:
        """The document of a request, and where it is from; registered where the caller wishes that.

        Raises Refusal, NotListed, Required, InvalidDocument or TooComplex.
        """
        name, hashed = _name(asked), _hash(asked)
        listed = self.manifest.named(name) if name is not None else None
        if listed is not None:
            if asked.query not in {None, listed.text}:
                raise NotJson("The `query` is another document than the one that is named beside it.")
            return listed.document, MANIFEST
        if asked.query is None:
            return self._registered(hashed, asked, caller), REGISTERED
        proved = hashed is not None and digest(asked.query) == hashed
        if hashed is not None and not proved and not self._may_be_id(hashed):
            raise NotJson("The hash is not that of the `query` beside it.")
        document = self.manifest.of_text(asked.query)
        if document is not None:
            return document, MANIFEST
        self._check_listed()
        document = self.documents.get(asked.query)
        if hashed is not None and proved and self.registered is not None:
            self.registered.put(caller, hashed, asked.query)
        return document, TEXT

    def _registered(self, hashed: str | None, asked: Parameters, caller: Caller) -> Document:
        """The document that a request only names. Raises Refusal, NotListed or Required."""
        self._check_listed()
        if hashed is not None and self.registered is not None:
            text = self.registered.get(caller, hashed)
            if text is not None:
                return self.documents.get(text)
        if asked.hash is None:
            raise NotListed("No document with this `documentId` is known here.")
        raise NotRegistered if self.registered is not None or len(self.manifest) else NotSupported

    def _check_listed(self) -> None:
        if self.mode is Mode.ENFORCE:
            raise Required(
                "Only documents that the operator has listed run here: name one by its `documentId`, or by "
                "`extensions.persistedQuery`."
            )

    def _may_be_id(self, hashed: str) -> bool:
        """Whether what stands for a hash may be an id of another manifest than ours, such as a newer one."""
        return len(self.manifest) > 0 and not HASH.fullmatch(hashed)


def _name(asked: Parameters) -> str | None:
    """What a request names. Raises NotJson where that is two things."""
    if asked.document_id is None or asked.hash is None:
        return asked.document_id or asked.hash
    if asked.document_id.removeprefix(SHA256) != asked.hash:
        raise NotJson("`documentId` and `extensions.persistedQuery` name different documents.")
    return asked.document_id


def _hash(asked: Parameters) -> str | None:
    """The hash under which a request registers its document, or asks for it."""
    if asked.hash is not None:
        return asked.hash
    name = asked.document_id or ""
    return name.removeprefix(SHA256) if name.startswith(SHA256) else None


@dataclass(slots=True, eq=False)
class Watch:
    """Takes a manifest whose file has changed. What is odd is told, and the old one stays."""

    documents: Persisted
    path: Path
    sleep: Sleep = asyncio.sleep
    _refused: str | None = None

    async def look(self) -> None:
        """Look at the file once."""
        mark = await asyncio.to_thread(persisted.mark, self.path)
        if mark in {self.documents.manifest.mark, self._refused}:
            return
        try:
            manifest = await asyncio.to_thread(persisted.read, self.path, self.documents.documents)
        except BadManifest as odd:
            self._refused = mark
            logs.documents_refused(f"GATEWAY_DOCUMENTS {odd}")
        else:
            self._refused = None
            self.documents.manifest = manifest
            logs.documents_renewed(len(manifest))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await again(self.look, "documents", LOOK_SECONDS, self.sleep)

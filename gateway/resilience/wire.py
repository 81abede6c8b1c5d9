"""JSON over HTTP to one source, and what its statuses mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote, quote_plus

import httpx
import orjson

from gateway import deadline
from gateway.cache.known import Known, Lists
from gateway.errors import (
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from gateway.network.answer import header
from gateway.network.prepared import Base, Prepared
from gateway.resilience.transport import UNKNOWN_LOCK, UpstreamTransport, retry_after

JSON_KIND: Final = "application/json"
COMMON_HEADERS: Final = {
    "accept": JSON_KIND,
    "accept-encoding": "gzip, br",
    "user-agent": "contacts-gateway",
}
DEEPEST: Final = 512  # levels of JSON; what lies deeper could not be walked or encoded again
JSON_TYPE: Final = re.compile(r"\s*(application/([\w.-]+\+)?json|text/json)?\s*(;|$)", re.IGNORECASE)
NO_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))
TOLD_BY_STATUS: Final = frozenset({401, 403, 429})
STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
PLAIN: Final = re.compile(r"[0-9A-Za-z_~-]+")  # needs no quotes
SEGMENT_SAFE: Final = "~"
NOT_CARRIED_OUT: Final = frozenset({501, 503})  # RFC 9110, 15.6: what these say was not done; others may have
JSON: Final = "json"  # where an answer keeps what was read of it
MAY_BE_HTML: Final = frozenset({404, 405, 410, 413})


class Answer(NamedTuple):
    """A status and the JSON that came with it."""

    status: int
    json: Any


@contextmanager
def understood() -> Iterator[None]:
    """Read the answer to a write: one that cannot be understood leaves the write uncertain."""
    try:
        yield
    except UpstreamBadResponse as error:
        if error.uncertain is None:
            error.uncertain = True
        raise


class Credential:
    """The headers that carry the key of a source; they can be renewed while calls are under way."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.renew(headers)

    def renew(self, headers: Mapping[str, str]) -> None:
        """Send other ones from now on."""
        self.headers: Mapping[str, str] = {**COMMON_HEADERS, **headers}


class Wire:
    """Sends JSON requests below one address, with the headers that carry the key."""

    def __init__(
        self, transport: UpstreamTransport, address: str, credential: Credential, known: Known
    ) -> None:
        self.transport = transport
        self.source = transport.source
        self._base = Base(address.rstrip("/"))
        self._credential = credential
        self._known = known

    async def send(
        self,
        operation: str,
        method: str,
        path: Sequence[str | int],
        *,
        query: Mapping[str, str | int] | None = None,
        json: Any = None,
        safe: bool = False,
        lists: Lists | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; each part of `path` stays one segment, whatever characters it holds.

        Records in the `lists` of an answer that is known already are `KeptRecord`.

        Raises UpstreamAuth on 401 and 403, UpstreamRateLimited on 429, UpstreamUnavailable on 5xx and
        UpstreamBadResponse on a redirect or an answer that is not JSON. Other statuses are the caller's.
        """
        target = f"/{'/'.join(map(segment, path))}"
        if query:
            target = f"{target}?{parameters(query)}"
        headers, content = self._credential.headers, None
        if json is not None:
            headers = {**headers, "content-type": JSON_KIND}
            content = orjson.dumps(json)
        check = self._check if lists is None else partial(self._check, lists=lists)
        told = {"operation": operation, "safe": safe, "check": check}
        if extensions:
            told.update(extensions)
        request = Prepared(method, self._base, target, headers=headers, content=content, extensions=told)
        return self._answer(request, await self.transport.handle_async_request(request))

    async def upload(
        self,
        operation: str,
        path: Sequence[str | int],
        files: Mapping[str, Any],
        extensions: Mapping[str, Any] | None = None,
    ) -> Answer:
        """POST a multipart form; `files` as httpx takes them. Errors as of `send`."""
        url = f"{self._base.url}/{'/'.join(map(segment, path))}"
        extensions = {"operation": operation, "check": self._check, **(extensions or {})}
        headers = self._credential.headers
        request = httpx.Request("POST", url, headers=headers, files=files, extensions=extensions)
        return self._answer(request, await self.transport.handle_async_request(request))

    def _answer(self, request: httpx.Request, response: httpx.Response) -> Answer:
        """What an answer says, or the error that its status means."""
        status = response.status_code
        if status not in TOLD_BY_STATUS and status < 500:
            return Answer(status, response.extensions[JSON])
        if status in (401, 403):
            raise UpstreamAuth(self.source, f"{self.source} refused the gateway's key ({status}).")
        if status == 429:
            wait = retry_after(response)
            wait = UNKNOWN_LOCK if wait is None else wait
            raise UpstreamRateLimited(self.source, f"{self.source} is rate limited (429).", retry_after=wait)
        uncertain = status not in NOT_CARRIED_OUT and not request.extensions.get("safe")
        failed = UpstreamUnavailable(
            self.source,
            f"{self.source} answered {status}.{'' if uncertain else ' Try again later.'}",
            retry_after=retry_after(response),
        )
        failed.uncertain = uncertain
        raise failed

    def _check(self, response: httpx.Response, lists: Lists | None = None) -> None:
        """Read the JSON of an answer, and raise where it is not what was agreed."""
        status = response.status_code
        if status < 300:
            kind = header(response, b"content-type")
            if kind != JSON_KIND and not JSON_TYPE.match(kind):
                raise self.strange("an answer that does not call itself JSON")
        elif status < 400:
            redirect = UpstreamBadResponse(self.source, f"{self.source} answered {status}, a redirect.")
            redirect.uncertain = False
            raise redirect
        elif status in TOLD_BY_STATUS or status >= 500:
            return
        try:
            response.extensions[JSON] = self._read(response.content, lists)
        except orjson.JSONDecodeError:
            if status not in MAY_BE_HTML:
                raise self.strange("an answer that is not JSON") from None
            response.extensions[JSON] = None  # also a server in front of the source may say so, in HTML

    def _read(self, content: bytes, lists: Lists | None) -> Any:
        """The JSON of an answer. A scan reads whatever there is once: none of it is worth remembering."""
        held = deadline.current()
        if lists is None or (held is not None and held.background):
            return self._parsed(content)
        return self._known.read(content, self._parsed, lists)

    def _parsed(self, content: bytes) -> Any:
        if nests_deeper(content, DEEPEST):
            raise self.strange(f"JSON that nests deeper than {DEEPEST}")
        return orjson.loads(content)

    def strange(self, what: str) -> UpstreamError:
        """The error for an answer that breaks the source's own contract."""
        return UpstreamBadResponse(self.source, f"{self.source} sent {what}.")


def nests_deeper(text: bytes, most: int) -> bool:
    """Whether JSON nests deeper than so many levels.

    Brackets are all that counts. Many answers are too short for so many; else taking away the innermost pairs
    takes one step a level, which is quick. Where brackets in texts leave some over, they are counted one by
    one.
    """
    if len(text) <= 2 * most:  # each level is closed, or it is no JSON
        return False
    brackets = text.translate(None, NO_BRACKETS)
    for _ in range(most):
        if not brackets:
            return False
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if fewer == brackets:
            break
        brackets = fewer
    return bool(brackets) and _depth(STRINGS.sub(b"", text)) > most


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign in b"[{") - (sign in b"]}")
        deepest = max(deepest, depth)
    return deepest


def parameters(query: Mapping[str, str | int]) -> str:
    """A query string, as `urllib.parse.urlencode` writes it: most names and values need no quotes."""
    return "&".join([f"{_quoted(name)}={_quoted(str(value))}" for name, value in query.items()])


def _quoted(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote_plus(text)


def segment(part: str | int) -> str:
    """A part of a path, quoted so that it can neither end, leave nor split its segment.

    A lone dot or two would be taken for a step by servers on the way; no vendor has such ids.
    """
    text = str(part)
    if PLAIN.fullmatch(text):
        return text
    if text in {"", ".", ".."}:
        raise ValueError("not a path segment")
    return quote(text, safe=SEGMENT_SAFE)

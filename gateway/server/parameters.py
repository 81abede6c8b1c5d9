"""A GraphQL request out of an HTTP request: its parameters, checked for their form."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import Request

from gateway import deadline
from gateway.allowances import Intake
from gateway.server.negotiation import content_type
from gateway.server.problems import NotJson, PayloadTooLarge, TooDeep, TooSlow, UnsupportedMediaType

NESTING: Final = frozenset({dict, list})  # as JSON makes them


class Parameters(NamedTuple):
    """The parameters of a GraphQL request.

    Its document is sent (`query`), or named: by `document_id`, or by the hash of Apollo's persisted queries.
    """

    query: str | None
    operation: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any]
    document_id: str | None = None
    hash: str | None = None


def from_query(query: Mapping[str, str], intake: Intake) -> Parameters:
    """The parameters of a GET request."""
    members: dict[str, Any] = {
        "query": query.get("query"),
        "documentId": query.get("documentId"),
        "operationName": query.get("operationName") or None,
    }
    for name in ("variables", "extensions"):
        if query.get(name):
            try:
                members[name] = orjson.loads(query[name])
            except orjson.JSONDecodeError as error:
                raise NotJson(f"The parameter `{name}` is not JSON.") from error
    return checked(members, intake)


async def from_body(request: Request, intake: Intake) -> Parameters:
    """The parameters of a POST request with a JSON body."""
    kind, parameters = content_type(request.headers.get("content-type", ""))
    if kind != "application/json":
        raise UnsupportedMediaType("Send the request as application/json.")
    if "charset" in parameters and "utf-8" not in parameters:
        raise UnsupportedMediaType("Send the body in UTF-8.")
    try:
        members = orjson.loads(await body(request, intake))
    except orjson.JSONDecodeError as error:
        raise NotJson("The body is not JSON.") from error
    if isinstance(members, list):
        raise NotJson("Send one operation for each request: batches are not taken.")
    if not isinstance(members, dict):
        raise NotJson("The body is not a JSON object.")
    return checked(members, intake)


async def body(request: Request, intake: Intake) -> bytes:
    """The body of a request, no larger than allowed and no slower than reasonable."""
    largest = intake.body_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > largest:
        raise PayloadTooLarge(f"The body has {length} bytes; at most {largest} are taken.")
    chunks: list[bytes] = []
    size = 0
    try:
        with deadline.limit(intake.body_seconds):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise NotJson("The body ended early.")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > largest:
                    raise PayloadTooLarge(f"The body has more than {largest} bytes.")
                chunks.append(chunk)
    except TimeoutError as error:
        raise TooSlow(f"The body did not arrive within {intake.body_seconds:.0f} seconds.") from error
    return b"".join(chunks)


def checked(members: Mapping[str, Any], intake: Intake) -> Parameters:
    """The parameters, each of the type that it has to be."""
    operation = members.get("operationName")
    if operation is not None and not isinstance(operation, str):
        raise NotJson("`operationName` has to be a text.")
    variables = _object(members, "variables", intake.json_depth)
    extensions = _object(members, "extensions", intake.json_depth) or {}
    document_id, hashed = members.get("documentId"), _hash(extensions.get("persistedQuery"))
    if document_id is not None and (not isinstance(document_id, str) or not document_id):
        raise NotJson("`documentId` has to be a text.")
    query = members.get("query")
    if query in (None, "") and (document_id is not None or hashed is not None):
        query = None
    elif not isinstance(query, str) or not query.strip():
        raise NotJson("There is no `query`: send the document as a text, or name one that is known here.")
    return Parameters(query, operation or None, variables, extensions, document_id, hashed)


def _hash(persisted: Any) -> str | None:
    """The hash in `extensions.persistedQuery`, where there is one."""
    if persisted is None:
        return None
    said = persisted if isinstance(persisted, dict) else {}
    hashed = said.get("sha256Hash")
    if said.get("version") != 1 or not isinstance(hashed, str) or not hashed:
        raise NotJson("`extensions.persistedQuery` has to be `{version: 1, sha256Hash: …}`.")
    return hashed


def _object(members: Mapping[str, Any], name: str, deepest: int) -> dict[str, Any] | None:
    """A member that is an object, where there is one, and nests no deeper than allowed."""
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise NotJson(f"`{name}` has to be an object.")
    if _too_deep(value, deepest):
        raise TooDeep(f"`{name}` nests deeper than {deepest}.")
    return value


def _too_deep(value: dict[str, Any], most: int) -> bool:
    """Whether a JSON object nests deeper than allowed; looked at level by level, without recursion."""
    level: list[Any] = [value]
    for _ in range(most):
        members = [each.values() if type(each) is dict else each for each in level]
        if NESTING.isdisjoint(map(type, chain.from_iterable(members))):
            return False
        level = [each for each in chain.from_iterable(members) if type(each) in NESTING]
    return True

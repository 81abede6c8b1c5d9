"""A request to the emulator, taken apart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from gateway.upstreams.smartsender import emulator_checks as checks

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, taken apart."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Record


def token(request: Request) -> str:
    """The key of the caller, empty when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def json_object(raw: bytes) -> Record:
    """The JSON object of a body; anything else, also what JSON could not say again, is an empty one."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def page_of(records: Sequence[Any], asked: Asked) -> Record:
    """The page that was asked for, in its envelope."""
    page, size = checks.page_and_size(asked.query)
    collection = records[(page - 1) * size : page * size]
    return {"cursor": {"page": page, "pages": -(-len(records) // size)}, "collection": collection}

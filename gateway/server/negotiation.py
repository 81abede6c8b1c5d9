"""Which media type an answer gets, and how statuses differ between them (GraphQL over HTTP). Pure."""

from functools import lru_cache
from typing import Final

GRAPHQL: Final = "application/graphql-response+json"
JSON: Final = "application/json"
HTML: Final = "text/html"
EVENT_STREAM: Final = "text/event-stream"
MIXED: Final = "multipart/mixed"
MOST: Final = 256  # of what callers accept that is remembered

# Between equals the older type wins: that is what clients that accept anything expect.
OFFERED: Final = (JSON, GRAPHQL)


@lru_cache(maxsize=MOST)
def media_type(accept: str | None, offered: tuple[str, ...] = OFFERED) -> str | None:
    """The best of the offered types; None where the caller accepts none of them."""
    if accept is None or not accept.strip():
        return offered[0]
    ranked = [
        (quality, specific, -place, kind)
        for place, kind in enumerate(offered)
        for quality, specific in [_quality(accept, kind)]
        if quality > 0
    ]
    return max(ranked)[3] if ranked else None


@lru_cache(maxsize=MOST)
def prefers_html(accept: str | None) -> bool:
    """Whether a browser asks for a page rather than for data."""
    if accept is None or HTML not in accept:
        return False
    return media_type(accept, (HTML, JSON, GRAPHQL)) == HTML


@lru_cache(maxsize=MOST)
def wants(accept: str | None, kind: str) -> bool:
    """Whether a type is named, and preferred to JSON."""
    if accept is None or parameters_of(accept, kind) is None:
        return False
    return media_type(accept, (*OFFERED, kind)) == kind


def parameters_of(accept: str | None, kind: str) -> dict[str, str] | None:
    """The parameters of a type that is named itself, in lower case; None where it is not, or not wanted."""
    if accept is None or kind not in (accept := accept.lower()):
        return None
    for part in accept.split(","):
        wanted, *parameters = (piece.strip() for piece in part.split(";"))
        if wanted == kind and _weight(parameters) > 0:
            pairs = (each.partition("=") for each in parameters)
            return {name.strip(): value.strip().strip('"') for name, _, value in pairs}
    return None


@lru_cache(maxsize=MOST)
def content_type(header: str) -> tuple[str, str]:
    """The type of a body, and its parameters, in lower case."""
    kind, _, parameters = header.lower().partition(";")
    return kind.strip(), parameters


def status_of_invalid(kind: str | None) -> int:
    """The status of a document or variables that are at fault: 400, but 200 for the older type."""
    return 200 if kind == JSON else 400


def _quality(accept: str, kind: str) -> tuple[float, int]:
    """How much a type is wanted, and how specifically that is said; of several ranges the most specific."""
    main = kind.partition("/")[0]
    best = (0.0, -1)
    for part in accept.split(","):
        wanted, *parameters = (piece.strip() for piece in part.split(";"))
        specific = {"*/*": 0, f"{main}/*": 1, kind: 2}.get(wanted.lower(), -1)
        if specific > best[1]:
            best = (_weight(parameters), specific)
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0

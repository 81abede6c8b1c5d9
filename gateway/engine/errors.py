"""Errors as callers see them: ours with their code, everything else masked."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from graphql import GraphQLError

from gateway.errors import GatewayError

MASKED = "Something went wrong inside the gateway. Tell its operator the request id."

LONGEST_MESSAGE: Final = 500  # signs: names and values of the document stand in it
MOST_LOCATIONS: Final = 10
# The end of a message of graphql-core, where it quotes a value.
QUOTED: Final = re.compile(r"(?:,? [Ff]ound|(?<= value)(?<!invalid value)): .*", re.DOTALL)
ARGUMENT: Final = "Argument "  # how graphql-core begins what it says of arguments; it has no class for this
INITIAL_COUNT: Final = "initialCount must be a positive integer"  # it raises a ValueError with these words

Report = Callable[[BaseException], None]


def formatted(error: GraphQLError, request_id: str, report: Report) -> dict[str, Any]:
    """One entry of `errors`. What is not ours is reported and masked."""
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    entry = _told(error)
    if error.path:
        entry["path"] = list(error.path)
    if isinstance(original, GatewayError):
        entry["message"] = original.message
        extensions = original.extensions
    elif error.message == INITIAL_COUNT or (
        original is None and (not error.path or error.message.startswith(ARGUMENT))
    ):
        extensions = {"code": "BAD_USER_INPUT"}
    else:  # also a value that does not fit its type: graphql-core's text would quote it
        report(original or error)
        entry["message"] = MASKED
        extensions = {"code": "INTERNAL"}
    entry["extensions"] = {**extensions, "requestId": request_id}
    return entry


def invalid(errors: Iterable[GraphQLError], code: str, request_id: str) -> list[dict[str, Any]]:
    """The entries for a document that is not valid."""
    found = []
    for error in errors:
        found.append(_told(error) | {"extensions": {"code": code, "requestId": request_id}})
    return found


def plain(error: GatewayError, request_id: str) -> dict[str, Any]:
    """The entry for an error outside of any field."""
    return {"message": error.message, "extensions": {**error.extensions, "requestId": request_id}}


def _told(error: GraphQLError) -> dict[str, Any]:
    """What an error says, and where, without the value that it is about: that may be a person's, and stand
    in a log of whoever asks. An answer never grows far beyond its request.
    """
    message = QUOTED.sub(".", error.message)
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    entry: dict[str, Any] = {"message": message}
    if error.locations:
        places = error.locations[:MOST_LOCATIONS]
        entry["locations"] = [{"line": at.line, "column": at.column} for at in places]
    return entry


def parted(errors: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Errors, and warnings: a source that fails for an item of a list is not an error of the answer."""
    kept: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    for error in errors:
        extensions = error["extensions"]
        within_list = any(isinstance(step, int) for step in error.get("path", ()))
        if within_list and "source" in extensions and extensions["code"] != "FORBIDDEN":
            told = {"message": error["message"], "path": error["path"]}
            known = ("code", "source", "retryAfterSeconds")
            warnings.append(told | {key: extensions[key] for key in known if key in extensions})
        else:
            kept.append(error)
    return kept, warnings

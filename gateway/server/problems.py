"""Refusals of a request as a whole: a status, a code of the public contract, and a sentence."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.errors import BadRequest, GatewayError
from gateway.model.caller import Caller
from gateway.server.refusals import OTHER, STATE, Refused

PATHS: Final = frozenset({"/graphql", "/metrics", "/schema.graphql"})  # others are chosen by callers
REQUEST_ID: Final = "request_id"  # where a request keeps its id, in the state of its scope


class Refusal(GatewayError):
    """A request that is refused before anything of it is carried out; `bound` names a limit that it met,
    `caller` whom it concerns.
    """

    status = 400
    bound = ""
    caller: Caller | None = None

    def __init__(
        self, message: str, *, headers: Mapping[str, str] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.headers = dict(headers or {})


class NotJson(Refusal):
    """The body, or a parameter, is not what GraphQL over HTTP asks for."""

    code = BadRequest.code


class TooDeep(Refusal):
    """Values that nest deeper than allowed."""

    bound = "json_depth"
    code = BadRequest.code


class Unauthenticated(Refusal):
    """No key, or none that is known; `error` is a word of RFC 6750."""

    code = "UNAUTHENTICATED"
    status = 401

    def __init__(self, message: str, *, error: str = "") -> None:
        told = f', error="{error}"' if error else ""
        super().__init__(message, headers={"www-authenticate": f'Bearer realm="contacts-gateway"{told}'})


class NotAllowed(Refusal):
    """A key without the scope for the whole operation, or a request that open mode does not take."""

    code = "FORBIDDEN"
    status = 403


class BadCredentials(Refusal):
    """A key of a source that a caller brings along, and that cannot be one."""

    code = BadRequest.code


class RateLimited(Refusal):
    """The caller has used up what one caller gets."""

    bound = "caller"
    code = "RATE_LIMITED"
    status = 429
    retryable = True


class CsrfBlocked(Refusal):
    """What a browser may send on its own, from elsewhere."""

    code = "CSRF_BLOCKED"
    status = 403


class MethodNotAllowed(Refusal):
    """A method that is not taken here, or a mutation over GET."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotAcceptable(Refusal):
    """No media type that the caller accepts can be given."""

    code = "NOT_ACCEPTABLE"
    status = 406


class UnsupportedMediaType(Refusal):
    """A body of a type that is not read here."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class PayloadTooLarge(Refusal):
    """A body that is larger than allowed."""

    bound = "body_bytes"
    code = "PAYLOAD_TOO_LARGE"
    status = 413


class HeadersTooLarge(Refusal):
    """Headers that are larger than allowed."""

    bound = "header_bytes"
    code = "PAYLOAD_TOO_LARGE"
    status = 431


class Failed(Refusal):
    """A fault of the gateway, told without what it was."""

    code = "INTERNAL"
    status = 500


class Overloaded(Refusal):
    """The gateway has more to do than it can in time."""

    code = "OVERLOADED"
    status = 503
    retryable = True


class Gone(Refusal):
    """The caller went away before the answer was there; nobody reads this."""

    code = BadRequest.code
    status = 499


class KeysAway(Refusal):
    """Whose a token is cannot be told now, as its issuer does not answer."""

    code = "STATE_UNAVAILABLE"
    status = 503
    retryable = True


class Stopped(Refusal):
    """The gateway was stopped, and its grace was over before this read came to its end."""

    code = "OVERLOADED"
    status = 503
    retryable = True


class CutOff(Refusal):
    """The gateway was stopped in the middle of a write: nobody is told to try that again."""

    code = "DEADLINE_EXCEEDED"
    status = 503

    @property
    def extensions(self) -> dict[str, object]:
        """What stands in `errors[].extensions`."""
        return {**super().extensions, "retryable": False}


class TooSlow(Refusal):
    """A body that did not arrive in time."""

    bound = "body_seconds"
    code = BadRequest.code
    status = 408


class NoSuchPath(Refusal):
    """A path that is not served."""

    code = "NOT_FOUND"
    status = 404


def answer(refusal: Refusal, scope: Scope) -> Response:
    """A refusal as an answer in GraphQL form, for requests that do not come as far as GraphQL."""
    note(refusal, scope)
    request_id = scope.get("state", {}).get(REQUEST_ID, "")
    entry = {"message": refusal.message, "extensions": {**refusal.extensions, "requestId": request_id}}
    body = orjson.dumps({"errors": [entry], "extensions": {"requestId": request_id}})
    return Response(body, refusal.status, refusal.headers, "application/json; charset=utf-8")


def note(refusal: Refusal, scope: Scope) -> None:
    """Leave a refusal where the audit trail finds it."""
    caller, path = refusal.caller, scope["path"]
    scope.setdefault("state", {})[STATE] = Refused(
        code=refusal.code,
        action=path if path in PATHS else OTHER,
        account=caller.account if caller else "",
        caller=caller.name if caller else "",
        detail={"message": refusal.message},
    )


def told(request: Request, error: Exception) -> Response:
    """An answer for what Starlette refuses: paths and methods that are not served."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    refusal: Refusal = NoSuchPath("There is nothing here. The endpoint is /graphql.")
    if status == 405:
        refusal = MethodNotAllowed("This method is not taken here.", headers=headers)
    return answer(refusal, request.scope)

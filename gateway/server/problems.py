"""Refusals of a request as a whole: a status, a code of the public contract, and a sentence."""

from collections.abc import Mapping

from gateway.errors import BadRequest, GatewayError


class Refusal(GatewayError):
    """A request that is refused before anything of it is carried out."""

    status = 400

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})


class NotJson(Refusal):
    """The body, or a parameter, is not what GraphQL over HTTP asks for."""

    code = BadRequest.code


class Unauthenticated(Refusal):
    """No key, or none that is known."""

    code = "UNAUTHENTICATED"
    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"www-authenticate": 'Bearer realm="contacts-gateway"'})


class NotAllowed(Refusal):
    """A key without the scope for the whole operation, or a request that open mode does not take."""

    code = "FORBIDDEN"
    status = 403


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

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class TooSlow(Refusal):
    """A body that did not arrive in time."""

    code = BadRequest.code
    status = 408

"""Who asks: keys, and the guard of open mode."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from gateway.keys import Keys
from gateway.model.caller import ANYONE, Caller
from gateway.server.problems import CsrfBlocked, NotAllowed, Unauthenticated
from gateway.setting import LOOPBACK

PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")
SIMPLE_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


def authenticate(headers: Headers, keys: Keys) -> Caller:
    """Who sends a request. Without any known key the gateway is open; `check_open_mode` guards it then."""
    if not keys.callers:
        return ANYONE
    key = headers.get("x-api-key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token.strip()
    if not key:
        raise Unauthenticated("Send your key as `X-Api-Key`, or as `Authorization: Bearer`.")
    caller = keys.find(key)
    if caller is None:
        raise Unauthenticated("This key is not known.")
    return caller


def check_csrf(method: str, headers: Headers) -> None:
    """Refuse what a browser sends without asking first, when it says that it comes from elsewhere."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method == "POST" and kind not in SIMPLE_TYPES:
        return
    if any(name in headers for name in PREFLIGHT):
        return
    site = headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin") or _foreign(headers):
        raise CsrfBlocked(
            "This request comes from another site. Send `GraphQL-Require-Preflight: 1` with it."
        )


def check_open_mode(headers: Headers) -> None:
    """A page in a browser, or a proxy in front, must not make a gateway without keys public."""
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        raise NotAllowed("The gateway has no keys, so it takes no requests through a proxy.")
    if _name(headers.get("host", "")) not in LOOPBACK:
        raise NotAllowed("The gateway has no keys, so it answers to loopback names only.")
    if _foreign(headers):
        raise NotAllowed("The gateway has no keys, so it takes no requests from pages of other origins.")


def _foreign(headers: Headers) -> bool:
    """Whether the request says that a page of another origin sent it."""
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""

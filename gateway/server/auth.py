"""Who asks: keys and tokens, and the guards against pages of other sites."""

import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from gateway.keys import Keys
from gateway.model.caller import ANYONE, DEFAULT_ACCOUNT, Caller, Scope
from gateway.server.negotiation import content_type
from gateway.server.problems import CsrfBlocked, KeysAway, NotAllowed, Unauthenticated
from gateway.setting import LOOPBACK
from gateway.tokens import BadToken, KeysUnavailable, Tokens, Verifier

Bring = Callable[[str, Mapping[str, str]], Awaitable[str]]

TOKEN_POINTS = 2

PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")
SIMPLE_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


class Authority:
    """Tells who sends a request. Without any known key or issuer the gateway is open; `check_open_mode`
    guards it then.

    `known` says whether there is an account, `bring` opens one for keys of sources that come in `headers`.
    """

    def __init__(
        self,
        keys: Keys,
        tokens: Tokens | None = None,
        *,
        known: Callable[[str], bool] = lambda account: account == DEFAULT_ACCOUNT,
        bring: Bring | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._known = known
        self._bring = bring
        self._headers = headers or {}
        self._clock = clock
        self._verifier: Verifier | None = None
        self.renew(keys, tokens)

    def renew(self, keys: Keys, tokens: Tokens | None) -> None:
        """Know other keys from now on."""
        self._keys = keys
        if self._verifier is None or self._verifier.tokens != tokens:
            self._verifier = None if tokens is None else Verifier(tokens, self._known, self._clock)
        elif tokens is not None:
            self._verifier.forget()

    async def caller(self, headers: Headers) -> Caller:
        """Who sends a request. Raises Unauthenticated."""
        if not self._keys.callers and self._verifier is None:
            return ANYONE
        return await self._named(headers)

    async def placed(self, caller: Caller, headers: Headers) -> Caller:
        """The same caller, in the account of the keys of sources that it brings along, if any."""
        brought = {name: headers[header] for header, name in self._headers.items() if header in headers}
        if not brought or self._bring is None:
            return caller
        return replace(caller, account=await self._bring(caller.account, brought), home=caller.account)

    async def allowed(self, headers: Headers, scope: Scope) -> Caller:
        """The same, for whatever is no GraphQL and needs a scope. Raises NotAllowed."""
        found = await self.caller(headers)
        if not found.may(scope):
            refusal = NotAllowed(f"Your key lacks the scope `{scope.value}`.")
            refusal.caller = found
            raise refusal
        return found

    async def _named(self, headers: Headers) -> Caller:
        key = headers.get("x-api-key", "")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if not key and not token:
            raise Unauthenticated("Send your key as `X-Api-Key`, or as `Authorization: Bearer`.")
        caller = self._keys.find(key or token)
        if caller is not None:
            return caller
        if key or self._verifier is None or token.count(".") != TOKEN_POINTS:
            raise Unauthenticated("This key is not known.")
        try:
            return await self._verifier.caller(token)
        except BadToken as bad:
            raise Unauthenticated(str(bad), error="invalid_token") from None
        except KeysUnavailable as away:
            headers_ = {"retry-after": str(math.ceil(away.retry_after or 1))}
            raise KeysAway(away.message, headers=headers_, retry_after=away.retry_after) from None


def check_csrf(method: str, headers: Headers, origins: Collection[str] = ()) -> None:
    """Refuse what a browser sends without asking first, when it says that it comes from elsewhere.

    `origins` are those of pages that may call.
    """
    if method == "POST" and content_type(headers.get("content-type", ""))[0] not in SIMPLE_TYPES:
        return
    if any(name in headers for name in PREFLIGHT):
        return
    if headers.get("origin", "").lower() in origins:
        return
    site = headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin") or _foreign(headers):
        raise CsrfBlocked(
            "This request comes from another site. Send `GraphQL-Require-Preflight: 1` with it."
        )


def check_origin(headers: Headers, origins: Collection[str] = ()) -> None:
    """Refuse a socket that a page of another origin opens: browsers ask nobody before that."""
    if _foreign(headers) and headers.get("origin", "").lower() not in origins:
        raise NotAllowed("Pages of this origin may open no socket here.")


def check_open_mode(headers: Headers, origins: Collection[str] = ()) -> None:
    """A page in a browser, or a proxy in front, must not make a gateway without keys public."""
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in headers):
        raise NotAllowed("The gateway has no keys, so it takes no requests through a proxy.")
    if any(_name(host) not in LOOPBACK for host in headers.getlist("host") or [""]):
        raise NotAllowed("The gateway has no keys, so it answers to loopback names only.")
    if _foreign(headers) and headers.get("origin", "").lower() not in origins:
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

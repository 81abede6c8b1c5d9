"""Tokens of callers (JWT, RFC 7519 and 9068), checked with the keys that their issuer publishes (JWKS).

Only signatures with a key pair are taken: with a shared secret, whoever can check a token can make one.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from gateway.errors import GatewayError
from gateway.model.caller import DEFAULT_ACCOUNT, Caller, Scope
from gateway.model.source import Source
from gateway.network.pool import Pool
from gateway.network.transport import Network
from gateway.setting import Proxy, Secret, words

ALGORITHMS: Final = frozenset("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES256K ES384 ES512 EdDSA".split())
FETCH_SECONDS: Final = 5.0
KINDS: Final = ("RSA", "EC", "OKP")
KEPT_TOKENS: Final = 1_000
KEPT_SECONDS: Final = 60.0  # that a token which was checked is believed without looking again
LARGEST_KEYS: Final = 256 * 1024  # bytes of a JWKS
LONGEST_NAME: Final = 128
LONGEST_TOKEN: Final = 8 * 1024
REFRESH_SECONDS: Final = 10.0  # between two readings of the keys, however many unknown ones are named
TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
WITHOUT_ISSUER_SECONDS: Final = 24 * 3600.0  # that keys are good while their issuer does not answer

Fetch = Callable[[str, Proxy | None], Any]


class BadToken(Exception):
    """A token that is not taken; its text says why, and quotes nothing of it."""


class KeysUnavailable(GatewayError):
    """The issuer's keys cannot be read now."""

    code = "STATE_UNAVAILABLE"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a token has to be: `keys` are the issuer's (JWKS), or `url` is where they are, behind a `proxy`
    perhaps.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    url: str
    keys: Secret
    keys_seconds: float
    leeway: float
    scope_prefix: str
    claim_prefix: str
    proxy: Proxy | None = None


def algorithms(value: str) -> tuple[str, ...]:
    """Names of algorithms with a key pair."""
    found = words(value)
    if not found or not ALGORITHMS.issuperset(found):
        raise ValueError(f"is no list of {', '.join(sorted(ALGORITHMS))}")
    return found


def key_set(value: str) -> Secret:
    """A JWKS as text."""
    if value.strip() and not _read_keys(value.encode()):
        raise ValueError("is no JWKS with a public key in it")
    return Secret(value.strip())


async def fetch(url: str, proxy: Proxy | None) -> bytes:
    """The body at an address; redirects are not followed."""
    async with (
        asyncio.timeout(FETCH_SECONDS),
        httpx.AsyncClient(
            trust_env=False,
            timeout=FETCH_SECONDS,
            transport=Network(Pool(most=1, kept=0, seconds=0.0), proxy=proxy),
        ) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise httpx.HTTPError(f"status {response.status_code}")
        held = b""
        async for chunk in response.aiter_bytes():
            held += chunk
            if len(held) > LARGEST_KEYS:
                raise httpx.HTTPError("too large")
        return held


@dataclass(slots=True, eq=False)
class Verifier:
    """Tells whose a token is. `known` says whether there is such an account; `clock` gives epoch seconds."""

    tokens: Tokens
    known: Callable[[str], bool]
    clock: Callable[[], float]
    fetch: Fetch = fetch
    _keys: dict[str, Any] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _tried_at: float = float("-inf")
    _reading: "asyncio.Task[None] | None" = None
    _kept: "OrderedDict[bytes, tuple[Caller, float]]" = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._keys = _read_keys(self.tokens.keys.reveal().encode())

    async def caller(self, token: str) -> Caller:
        """The caller of a token. Raises BadToken, and KeysUnavailable where the issuer is not there."""
        if len(token) > LONGEST_TOKEN:
            raise BadToken("The token is too long.")
        digest = hashlib.sha256(token.encode()).digest()
        held = self._kept.get(digest)
        if held is not None and self.clock() < held[1]:
            return held[0]
        claims = await self._claims(token)
        found = self._caller(claims)
        leeway = self.tokens.leeway
        good_until = min(self.clock() + KEPT_SECONDS - leeway, int(claims["exp"])) + leeway
        self._kept[digest] = (found, good_until)
        if len(self._kept) > KEPT_TOKENS:
            self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Look at every token again: accounts may have changed."""
        self._kept.clear()

    async def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise BadToken("This is no token.") from None
        algorithm = header.get("alg")
        if algorithm not in self.tokens.algorithms:
            raise BadToken("The token is signed by an algorithm that is not taken.")
        if str(header.get("typ") or "").lower() not in TYPES:
            raise BadToken("The token is of a type that is not taken.")
        key = await self._key(str(header.get("kid") or ""))
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self.tokens.audience,
                issuer=self.tokens.issuer,
                leeway=self.tokens.leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise BadToken("The token has expired.") from None
        except (jwt.PyJWTError, TypeError):  # the latter where the key is none for this algorithm
            raise BadToken("The token is not one of the issuer for this gateway.") from None
        return claims

    async def _key(self, name: str) -> Any:
        """The public key of a name. One that is not known yet may be new: the keys are read again."""
        if self.tokens.url and self.clock() - self._read_at > self.tokens.keys_seconds:
            await self._refresh()
        if self._pick(name) is None and self.tokens.url:
            await self._refresh()
        if not self._keys or (self.clock() - self._read_at > WITHOUT_ISSUER_SECONDS and self.tokens.url):
            raise KeysUnavailable(
                "The keys of the tokens' issuer cannot be read now.", retry_after=REFRESH_SECONDS
            )
        found = self._pick(name)
        if found is None:
            raise BadToken("The token is signed by a key that the issuer does not have.")
        return found

    def _pick(self, name: str) -> Any:
        """A key by name; a token without a name means the only one there is."""
        if name or len(self._keys) != 1:
            return self._keys.get(name)
        return next(iter(self._keys.values()))

    async def _refresh(self) -> None:
        """Read the keys, together with whoever else wants them now, and not more often than reasonable."""
        if self._reading is None or self._reading.done():
            if self.clock() - self._tried_at < REFRESH_SECONDS:
                return
            self._tried_at = self.clock()
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        try:
            keys = _read_keys(await self.fetch(self.tokens.url, self.tokens.proxy))
        except (httpx.HTTPError, OSError):  # TimeoutError is one of the latter
            return
        if keys:
            self._keys, self._read_at = keys, self.clock()
            self._kept.clear()  # a key that was withdrawn is believed no longer

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        prefix = self.tokens.claim_prefix
        name = str(claims["sub"])
        account = claims.get(f"{prefix}account")
        account = DEFAULT_ACCOUNT if account in (None, "") else account
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise BadToken("The token names nobody (`sub`).")
        if not isinstance(account, str) or not self.known(account):
            raise BadToken("The token is for an account that there is not.")
        scopes = _list(claims.get("scope") or claims.get("scopes") or claims.get("scp"))
        bare = {
            scope.removeprefix(self.tokens.scope_prefix)
            for scope in scopes
            if scope.startswith(self.tokens.scope_prefix)
        }
        sources, modules = claims.get(f"{prefix}sources"), claims.get(f"{prefix}modules")
        return Caller(
            name=f"token:{name}",
            scopes=frozenset(scope for scope in Scope if scope.value in bare),
            account=account,
            sources=None if sources is None else frozenset(s for s in Source if s.value in _list(sources)),
            modules=None
            if modules is None
            else frozenset(str(each) for each in (modules if isinstance(modules, list) else [modules])),
        )


def _list(value: Any) -> list[str]:
    """A claim that is a list, or words with space or commas between."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [str(each) for each in value] if isinstance(value, list) else []


def _read_keys(text: bytes) -> dict[str, Any]:
    """The public keys of a JWKS by name; what cannot check a signature is left out."""
    import jwt  # with its cryptography it takes a while, and memory, which those without an issuer save

    try:
        listed = orjson.loads(text)["keys"]
    except (ValueError, TypeError, KeyError):
        return {}
    found: dict[str, Any] = {}
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("kty") not in KINDS or "d" in each:
            continue
        if each.get("use", "sig") != "sig":
            continue
        try:
            found[str(each.get("kid") or "")] = jwt.PyJWK(each).key
        except (jwt.PyJWTError, NotImplementedError):  # the latter where it names an algorithm for nothing
            continue
    return found

"""Tokens of an issuer: which are taken, for whom they speak, and what a bad one or a lost issuer costs."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway import config, tokens
from gateway.config import BadSetting
from gateway.model.caller import Caller, Scope
from gateway.model.source import Source
from gateway.setting import Proxy, Secret
from gateway.telemetry import logs
from gateway.tokens import BadToken, KeysUnavailable, Tokens, Verifier
from tests.support import issuer
from tests.support.issuer import token, unsigned
from tests.support.waiting import until
from tests.support.world import DEFAULTS, World

QUERY = "{ sources { source } }"
SETTINGS: dict[str, Any] = {
    "GATEWAY_JWT_ISSUER": issuer.ISSUER,
    "GATEWAY_JWT_AUDIENCE": issuer.AUDIENCE,
    "GATEWAY_JWT_KEYS": issuer.keys("rsa", "ec"),
}
WRONG_WORDS = ("rsa", "lovelace", "issuer.example.com", "nonsense")


@pytest.fixture
def trusting(new_world: Callable[..., World]) -> World:
    """A world that takes tokens of the issuer, and no keys."""
    return new_world(**SETTINGS)


async def ask(world: World, text: str, query: str = QUERY, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {text}", **headers}
    return await world.client.post("/graphql", json={"query": query}, headers=sent)


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", [])]


# ---- what is taken


@pytest.mark.parametrize("key", ["rsa", "ec"])
@pytest.mark.parametrize("type_", ["JWT", "at+jwt", "application/at+JWT", None])
async def test_a_token_of_the_issuer_opens(trusting: World, key: str, type_: str | None) -> None:
    response = await ask(trusting, token(key, header={"typ": type_}))
    assert response.status_code == 200
    assert len(response.json()["data"]["sources"]) == 3


async def test_a_token_and_a_key_live_side_by_side(new_world: Callable[..., World]) -> None:
    key = "key.with.points"
    world = new_world(**SETTINGS, GATEWAY_API_KEYS=f"app:{hashlib.sha256(key.encode()).hexdigest()}:read")
    for text in (key, token()):
        assert (await ask(world, text)).status_code == 200
    assert (await ask(world, "another.key.of-points")).status_code == 401
    as_key = await world.client.post("/graphql", json={"query": QUERY}, headers={"x-api-key": token()})
    assert as_key.status_code == 401  # a token is no key, wherever it stands


async def test_without_a_token_nobody_gets_in_where_only_tokens_are_taken(trusting: World) -> None:
    for headers in ({}, {"authorization": token()}, {"authorization": f"Basic {token()}"}):
        response = await trusting.client.post("/graphql", json={"query": QUERY}, headers=headers)
        assert response.status_code == 401
        assert codes(response) == ["UNAUTHENTICATED"]


# ---- what is not

NOW = int(time.time())
SECRET = issuer.public_pem("rsa")


def with_secret(secret: bytes, algorithm: str, digest: str) -> str:
    """A token that is signed with what everybody knows, as if that were a shared secret."""
    text = unsigned({"alg": algorithm, "kid": "rsa", "typ": "JWT"}).rpartition(".")[0]
    return f"{text}.{issuer.part(hmac.new(secret, text.encode(), digest).digest())}"


def _broken(text: str, place: int) -> str:
    """A token of which one sign of a part is another."""
    parts = text.split(".")
    part = parts[place]
    parts[place] = part[:9] + ("A" if part[9] != "A" else "B") + part[10:]
    return ".".join(parts)


BAD = {
    "of no form": "a.b.c",
    "of empty parts": "..",
    "of signs that are no base64": "!!!.???.***",
    "of signs that are no ASCII": "\u00e9.\u00e9.\u00e9",
    "with a header that is no object": unsigned(["RS256"]),
    "with a header that is no JSON": unsigned(b"{"),
    "with a header that is very deep": unsigned(b'{"alg":"RS256","x":' + b"[" * 5_000),
    "with a payload that is very deep": unsigned({"alg": "RS256", "kid": "rsa"}, b"[" * 5_000),
    "without an algorithm": unsigned({"kid": "rsa"}),
    "with the algorithm none": unsigned({"alg": "none", "kid": "rsa"}, signature=b""),
    "with the algorithm nOnE": unsigned({"alg": "nOnE", "kid": "rsa"}, signature=b""),
    "with the algorithm as a list": unsigned({"alg": ["RS256"], "kid": "rsa"}),
    "signed HS256 with the public key": with_secret(SECRET, "HS256", "sha256"),
    "signed HS512 with the public key": with_secret(SECRET, "HS512", "sha512"),
    "signed HS256 with nothing": with_secret(b"", "HS256", "sha256"),
    "signed as RS256 is, with a secret": with_secret(SECRET, "RS256", "sha256"),
    "of an algorithm that is not listed": unsigned({"alg": "PS256", "kid": "rsa"}),
    "of an algorithm that nobody knows": unsigned({"alg": "RS257", "kid": "rsa"}),
    "of an elliptic curve, by the name of an RSA key": unsigned({"alg": "ES256", "kid": "rsa"}),
    "of RSA, by the name of a key on a curve": unsigned({"alg": "RS256", "kid": "ec"}),
    "with a signature of nothing": unsigned({"alg": "RS256", "kid": "rsa"}, signature=b""),
    "with another header": _broken(token(header={"x": "nonsense"}), 0),
    "with another payload": _broken(token(), 1),
    "with another signature": _broken(token(), 2),
    "of a stranger": token("stranger", header={"kid": "rsa"}),
    "of an unknown key": token("stranger"),
    "that brings its key": token("stranger", header={"jwk": issuer.public("stranger")}),
    "that names where its key is": token("stranger", header={"jku": "http://127.0.0.1:1/keys"}),
    "that names no key where there are two": token(header={"kid": None}),
    "with a name of a key that is a number": unsigned({"alg": "RS256", "kid": 7}),
    "with something critical": token(header={"crit": ["exp"], "exp": 1}),
    "with a payload that is elsewhere": unsigned({"alg": "RS256", "kid": "rsa", "b64": False}, b""),
    "of another type": token(header={"typ": "logout+jwt"}),
    "of a type that is a list": unsigned({"alg": "RS256", "kid": "rsa", "typ": ["JWT"]}),
    "of another issuer": token(iss="https://other.example.com/"),
    "of almost the issuer": token(iss=issuer.ISSUER.rstrip("/")),
    "of a list of issuers": token(iss=[issuer.ISSUER]),
    "of no issuer": token(iss=None),
    "for another audience": token(aud="another"),
    "for a longer audience": token(aud=f"{issuer.AUDIENCE}-2"),
    "for other audiences": token(aud=["another", "nonsense"]),
    "for an odd audience": token(aud={issuer.AUDIENCE: True}),
    "for nobody": token(aud=None),
    "for an empty list": token(aud=[]),
    "that has expired": token(exp=NOW - 100),
    "that has never been good": token(exp=0),
    "that expires at no time": token(exp="never"),
    "that expires at a list": token(exp=[NOW + 100]),
    "without an end": token(exp=None),
    "that is not good yet": token(nbf=NOW + 1_000),
    "that is good from no time on": token(nbf="soon"),
    "that was issued later": token(iat=NOW + 1_000),
    "of nobody": token(sub=None),
    "of an empty name": token(sub=""),
    "of a number": token(sub=7),
    "of a list": token(sub=["ada"]),
    "of a name of two lines": token(sub="ada\nbob"),
    "of a very long name": token(sub="a" * 129),
    "for an account that there is not": token(account="nonsense"),
    "for an account that is a list": token(account=["default"]),
    "for an account that is an empty list": token(account=[]),
    "for an account that is a number": token(account=0),
    "for an account that is no": token(account=False),
    "for keys that somebody has brought": token(account="brought.0"),
    "of a list as its payload": unsigned({"alg": "RS256", "kid": "rsa"}, [1]),
    "that is huge": token(nonsense="a" * 9_000),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_in_graphql_form_and_quoted_nowhere(
    trusting: World, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="gateway")
    raw = {b"authorization": f"Bearer {text}".encode("latin-1")}
    response = await trusting.client.post("/graphql", json={"query": QUERY}, headers=raw)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == ('Bearer realm="contacts-gateway", error="invalid_token"')
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert trusting.calls == {}
    lines = [logs.JsonLines().format(record) for record in caplog.records if record.name == "gateway"]
    assert lines != []
    for said in (error["message"], *lines):
        assert not any(part in said for part in text.split(".") if len(part) > 3)
        assert not any(word in said for word in WRONG_WORDS)


@pytest.mark.parametrize("path", ["/metrics", "/schema.graphql"])
async def test_a_bad_token_is_refused_at_every_other_path(trusting: World, path: str) -> None:
    for text in (BAD["of a stranger"], BAD["of RSA, by the name of a key on a curve"]):
        response = await trusting.client.get(path, headers={"authorization": f"Bearer {text}"})
        assert response.status_code == 401
        assert codes(response) == ["UNAUTHENTICATED"]
        assert response.headers["www-authenticate"].endswith('error="invalid_token"')


@pytest.mark.parametrize("given", [{"exp": NOW - 20}, {"nbf": NOW + 600}, {"iat": NOW + 600}])
async def test_clocks_may_differ_by_the_leeway(new_world: Callable[..., World], given: Any) -> None:
    lenient = new_world(**SETTINGS, GATEWAY_JWT_LEEWAY_SECONDS="100000")
    strict = new_world(**SETTINGS, GATEWAY_JWT_LEEWAY_SECONDS="0")
    text = token(**given)
    assert (await ask(lenient, text)).status_code == 200
    assert (await ask(strict, text)).status_code == 401


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS256,HS256", ",", "rs256"])
def test_algorithms_with_a_shared_secret_cannot_be_listed(algorithm: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_JWT_ALGORITHMS"):
        config.read({**DEFAULTS, **SETTINGS, "GATEWAY_JWT_ALGORITHMS": algorithm})


# ---- for whom a token speaks


async def caller(text: str, **settings: Any) -> Caller:
    """Whose a token is, by settings of one's own."""
    return await verifier(**settings).caller(text)


def verifier(
    *, fetch: Any = None, clock: Callable[[], float] = lambda: 0.0, url: str = "", **settings: Any
) -> Verifier:
    """What checks tokens; with `fetch` the keys are read from the issuer, by a clock that is told."""
    known = Tokens(
        issuer=issuer.ISSUER,
        audience=issuer.AUDIENCE,
        algorithms=settings.get("algorithms", ("RS256", "ES256")),
        url=url or ("http://127.0.0.1:1/keys" if fetch else ""),
        keys=Secret("" if fetch or url else issuer.keys("rsa", "ec")),
        keys_seconds=300.0,
        leeway=30.0,
        scope_prefix=settings.get("scope_prefix", ""),
        claim_prefix=settings.get("claim_prefix", ""),
    )
    return Verifier(known, {"default", "acme"}.__contains__, clock, fetch or tokens.fetch)


NOTHING: frozenset[Scope] = frozenset()
BOTH = frozenset({Scope.READ, Scope.WRITE})


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"scope": "read write"}, BOTH),
        ({"scope": "openid write  profile read"}, BOTH),
        ({"scope": ["read", "write"]}, BOTH),
        ({"scope": None, "scp": ["read", "write"]}, BOTH),
        ({"scope": None, "scopes": "read,write"}, BOTH),
        ({"scope": None}, NOTHING),
        ({"scope": ""}, NOTHING),
        ({"scope": "READ Write"}, NOTHING),
        ({"scope": "readwrite"}, NOTHING),
        ({"scope": 7}, NOTHING),
        ({"scope": True}, NOTHING),
        ({"scope": {"read": True}}, NOTHING),
        ({"scope": [["read"], {"read": 1}, None, 7]}, NOTHING),
    ],
)
async def test_scopes_are_those_of_the_token_and_no_others(given: Any, scopes: frozenset[Scope]) -> None:
    assert (await caller(token(**given))).scopes == scopes


async def test_with_a_prefix_only_scopes_that_carry_it_are_ours() -> None:
    found = await caller(token(scope="contacts:read write other:import"), scope_prefix="contacts:")
    assert found.scopes == {Scope.READ}


@pytest.mark.parametrize(
    ("said", "sources"),
    [
        (None, None),
        (["PACKAGEX"], {Source.PACKAGEX}),
        ("PACKAGEX SAMESPACE", {Source.PACKAGEX, Source.SAMESPACE}),
        (["PACKAGEX", "nonsense", 7, None], {Source.PACKAGEX}),
        (["packagex"], set()),
        ([], set()),
        ("", set()),
        (7, set()),
        (False, set()),
        ({"PACKAGEX": True}, set()),
    ],
)
async def test_a_claim_for_sources_only_ever_narrows(said: Any, sources: set[Source] | None) -> None:
    assert (await caller(token(sources=said))).sources == sources


@pytest.mark.parametrize(
    ("said", "modules"),
    [
        (None, None),
        (["Contacts"], {"Contacts"}),
        ("Key Accounts", {"Key Accounts"}),
        ([], set()),
        ("", {""}),
        (7, {"7"}),
        ([["Contacts"], {"Contacts": 1}], {"['Contacts']", "{'Contacts': 1}"}),
        ({"Contacts": True}, {"{'Contacts': True}"}),
    ],
)
async def test_a_claim_for_modules_only_ever_narrows(said: Any, modules: set[str] | None) -> None:
    assert (await caller(token(modules=said))).modules == modules


async def test_account_sources_and_modules_are_read_under_their_prefix_alone() -> None:
    prefix = "https://example.com/"
    under: dict[str, Any] = {
        f"{prefix}account": "acme",
        f"{prefix}sources": ["PACKAGEX"],
        f"{prefix}modules": ["M"],
    }
    found = await caller(token(account="nonsense", sources=["SAMESPACE"], **under), claim_prefix=prefix)
    assert found.account == "acme"
    assert found.sources == {Source.PACKAGEX}
    assert found.modules == {"M"}


@pytest.mark.parametrize("said", [None, ""])
async def test_a_token_without_an_account_is_for_the_default_one(said: str | None) -> None:
    assert (await caller(token(account=said))).account == "default"


async def test_the_name_of_a_token_can_be_that_of_no_key() -> None:
    assert (await caller(token(sub="full"))).name == "token:full"  # names of keys have no colon


async def test_a_token_that_lasts_for_ages_is_a_token() -> None:
    assert (await caller(token(exp=10**400))).name == "token:lovelace"


async def test_what_a_token_is_limited_to_is_all_that_it_opens(new_world: Callable[..., World]) -> None:
    world = new_world(**SETTINGS)
    page = "{ contacts(first: 3) { nodes { source } sources { source status } } }"
    only = (await ask(world, token(sources=["PACKAGEX"]), page)).json()["data"]["contacts"]
    assert {node["source"] for node in only["nodes"]} == {"PACKAGEX"}
    assert [each["status"] for each in only["sources"]] == ["FORBIDDEN", "OK", "FORBIDDEN"]
    world.forget()
    for nothing in (token(sources=[]), token(sources="nonsense")):
        response = await ask(world, nothing, page)
        assert response.json()["data"] == {"contacts": None}
        assert codes(response) == ["FORBIDDEN"]
    response = await ask(world, token(scope=None), page)
    assert response.status_code == 403
    assert codes(response) == ["FORBIDDEN"]
    assert world.calls == {}


# ---- the keys of the issuer


class Issuer:
    """The address where keys are published: what it holds can change, and each reading is counted."""

    def __init__(self, *names: str) -> None:
        self.text: bytes = issuer.keys(*names).encode()
        self.failure: Exception | None = None
        self.read = 0
        self.now = 0.0

    async def fetch(self, url: str, proxy: Proxy | None) -> bytes:
        del url, proxy
        self.read += 1
        if self.failure is not None:
            raise self.failure
        return self.text

    @property
    def verifier(self) -> Verifier:
        return verifier(fetch=self.fetch, clock=lambda: self.now)


async def test_keys_are_read_when_first_needed_and_when_they_are_old() -> None:
    told = Issuer("rsa")
    checked = told.verifier
    assert told.read == 0
    for name in ("ada", "bob"):
        assert (await checked.caller(token(sub=name))).name == f"token:{name}"
    assert told.read == 1
    told.now = 301.0
    await checked.caller(token(sub="eve"))
    assert told.read == 2


async def test_a_new_key_is_taken_at_once_and_a_withdrawn_one_no_longer() -> None:
    told = Issuer("rsa")
    checked = told.verifier
    old, new = token("rsa"), token("next")
    assert (await checked.caller(old)).name.startswith("token:")
    told.text, told.now = issuer.keys("next").encode(), 20.0
    assert (await checked.caller(new)).name == "token:lovelace"
    assert told.read == 2
    with pytest.raises(BadToken, match="does not have"):  # also where it was believed a moment ago
        await checked.caller(old)


async def test_however_many_unknown_keys_are_named_the_issuer_is_asked_once_in_a_while() -> None:
    told = Issuer("rsa")
    checked = told.verifier
    await checked.caller(token())
    told.now = 20.0
    for number in range(50):
        with pytest.raises(BadToken, match="does not have"):
            await checked.caller(token("stranger", header={"kid": f"unknown-{number}"}))
    assert told.read == 2
    told.now = 31.0
    with pytest.raises(BadToken, match="does not have"):
        await checked.caller(token("stranger"))
    assert told.read == 3
    assert (await checked.caller(token(sub="bob"))).name.startswith("token:")


async def test_whoever_needs_keys_at_once_waits_for_one_reading() -> None:
    arrived = asyncio.Event()
    read: list[str] = []

    async def slow(url: str, _: Proxy | None) -> bytes:
        read.append(url)
        await arrived.wait()
        return issuer.keys("rsa").encode()

    checked = verifier(fetch=slow)
    waiting = [asyncio.create_task(checked.caller(token(sub=f"caller {n}"))) for n in range(20)]
    await until(lambda: read)
    waiting[0].cancel()  # the one who began it goes away
    arrived.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [each.name for each in found[1:] if isinstance(each, Caller)] == [
        f"token:caller {n}" for n in range(1, 20)
    ]
    assert len(read) == 1


async def test_a_slow_issuer_holds_up_nobody_whose_key_is_known() -> None:
    told, arrived = Issuer("rsa"), asyncio.Event()
    checked = told.verifier
    await checked.caller(token())

    async def slow(url: str, proxy: Proxy | None) -> bytes:
        await arrived.wait()
        return await told.fetch(url, proxy)

    checked.fetch, told.now = slow, 20.0
    stranger = asyncio.create_task(checked.caller(token("stranger")))
    await asyncio.sleep(0)
    assert (await checked.caller(token(sub="bob"))).name == "token:bob"
    assert not stranger.done()
    arrived.set()
    with pytest.raises(BadToken):
        await stranger


LOST = [httpx.ConnectError("refused"), TimeoutError(), OSError("no route"), httpx.HTTPError("status 500")]


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
async def test_keys_are_believed_for_a_day_while_the_issuer_does_not_answer(failure: Exception) -> None:
    told = Issuer("rsa")
    checked = told.verifier
    await checked.caller(token())
    told.failure = failure
    for hour in (1, 5, 23):
        told.now = hour * 3_600.0
        assert (await checked.caller(token(sub=f"at {hour}"))).name.startswith("token:")
    told.now = 25 * 3_600.0
    with pytest.raises(KeysUnavailable) as away:
        await checked.caller(token(sub="too late"))
    assert away.value.retry_after
    told.failure, told.now = None, told.now + 11.0
    assert (await checked.caller(token(sub="back"))).name.startswith("token:")


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
async def test_an_issuer_that_was_never_reached_is_tried_again_in_a_while(failure: Exception) -> None:
    told = Issuer("rsa")
    told.failure = failure
    checked = told.verifier
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await checked.caller(token())
    assert told.read == 1
    told.failure, told.now = None, 11.0
    assert (await checked.caller(token())).name.startswith("token:")


ODD_KEYS: dict[str, Any] = {
    "a list as its type": {"kty": []},
    "an object as its type": {"kty": {"RSA": 1}},
    "nothing in it": {"kty": "RSA"},
    "the algorithm none": {"kty": "RSA", "alg": "none", "n": "AQAB", "e": "AQAB"},
    "a list as its algorithm": {"kty": "RSA", "alg": [], "n": "AQAB", "e": "AQAB"},
    "signs that are no base64": {"kty": "RSA", "n": "!!", "e": "AQAB"},
    "numbers": {"kty": "RSA", "n": 5, "e": 7},
    "empty texts": {"kty": "RSA", "n": "", "e": ""},
    "a point that lies on no curve": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    "a list as its curve": {"kty": "EC", "crv": [], "x": "AA", "y": "AA"},
    "a curve that signs nothing": {"kty": "OKP", "crv": "X25519", "x": "AA"},
    "too few bytes": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    "an algorithm with a shared secret": {**issuer.public("rsa"), "alg": "HS256"},
    "another use": {**issuer.public("rsa"), "use": "enc"},
    "a private part": {**issuer.public("rsa"), "d": "AQAB"},
    "the form of a text": "rsa",
    "the form of nothing": None,
}
GARBAGE = {
    "nothing": b"",
    "a page": b"<html>",
    "signs that are no UTF-8": b"\xff\xfe",
    "a number": b"5",
    "null": b"null",
    "a list": b"[]",
    "keys of null": b'{"keys": null}',
    "keys as an object": b'{"keys": {}}',
    "no keys": b'{"keys": []}',
    "a deep nest": b'{"keys": ' + b"[" * 100_000,
    **{f"a key with {name}": json.dumps({"keys": [each]}).encode() for name, each in ODD_KEYS.items()},
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_in_place_of_keys_takes_none_away_and_adds_none(text: bytes) -> None:
    told = Issuer("rsa")
    checked = told.verifier
    await checked.caller(token())
    told.text, told.now = text, 301.0
    assert (await checked.caller(token(sub="bob"))).name.startswith("token:")
    with pytest.raises(BadToken):
        await checked.caller(with_secret(b"secret", "HS256", "sha256"))
    told = Issuer("rsa")
    told.text = text
    with pytest.raises(KeysUnavailable):
        await told.verifier.caller(token())


@pytest.mark.parametrize("odd", ODD_KEYS.values(), ids=ODD_KEYS)
async def test_an_odd_key_beside_a_good_one_costs_itself_only(odd: Any) -> None:
    told = Issuer("rsa")
    told.text = json.dumps({"keys": [odd, issuer.public("rsa")]}).encode()
    assert (await told.verifier.caller(token())).name.startswith("token:")


@pytest.mark.parametrize("name", [name for name in GARBAGE if name != "nothing"])
def test_the_gateway_does_not_start_with_keys_that_are_none(name: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_JWT_KEYS"):
        config.read({**DEFAULTS, **SETTINGS, "GATEWAY_JWT_KEYS": GARBAGE[name].decode("latin-1")})


async def test_the_only_key_needs_no_name() -> None:
    told = Issuer("rsa")
    assert (await told.verifier.caller(token(header={"kid": None}))).name.startswith("token:")
    told.text = json.dumps({"keys": [{**issuer.public("rsa"), "kid": None}]}).encode()
    assert (await told.verifier.caller(token(header={"kid": None}))).name.startswith("token:")


# ---- the way to the issuer


@asynccontextmanager
async def serving(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """An issuer on a socket, that answers whatever is asked in its own way; its address."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has heard enough
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


def saying(head: str, body: bytes = b"") -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        length = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {head}\r\n{length}".encode() + body)

    return answer


async def half(writer: asyncio.StreamWriter) -> None:
    text = issuer.keys("rsa").encode()
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text[:-9])


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"nonsense\r\n\r\n")


async def endlessly(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def test_keys_come_over_the_network_and_rotate(new_world: Callable[..., World]) -> None:
    async with serving(saying("200 OK", issuer.keys("rsa").encode())) as url:
        settings = {**SETTINGS, "GATEWAY_JWT_KEYS": "", "GATEWAY_JWT_KEYS_URL": url}
        world = new_world(**settings)
        assert (await ask(world, token())).status_code == 200
        assert (await ask(world, token("stranger"))).status_code == 401


AWAY = {
    "an error": saying("500 Internal Server Error", issuer.keys("rsa").encode()),
    "nothing there": saying("404 Not Found"),
    "a redirect": saying("302 Found\r\nlocation: http://127.0.0.1:1/elsewhere", issuer.keys("rsa").encode()),
    "garbage": saying("200 OK", b"<html>"),
    "no HTTP": no_http,
    "half an answer": half,
    "an answer of two lengths": saying("200 OK\r\ncontent-length: 100000", b'{"keys": ['),
    "an odd encoding": saying("200 OK\r\ncontent-encoding: gzip", b"no gzip"),
    "an answer without end": endlessly,
    "too large an answer": saying("200 OK", b" " * 300_000 + issuer.keys("rsa").encode()),
}


@pytest.mark.parametrize("answer", AWAY.values(), ids=AWAY)
async def test_without_the_keys_nobody_can_tell_whose_a_token_is(
    new_world: Callable[..., World], answer: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async with serving(answer) as url:
        world = new_world(**{**SETTINGS, "GATEWAY_JWT_KEYS": "", "GATEWAY_JWT_KEYS_URL": url})
        response = await ask(world, token())
    assert response.status_code == 503
    assert codes(response) == ["STATE_UNAVAILABLE"]
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["errors"][0]["extensions"]["retryable"] is True
    assert url not in response.text
    assert world.calls == {}


async def test_a_lost_issuer_leaves_keys_of_callers_alone(new_world: Callable[..., World]) -> None:
    digest = hashlib.sha256(b"plain-key").hexdigest()
    world = new_world(
        **{**SETTINGS, "GATEWAY_JWT_KEYS": "", "GATEWAY_JWT_KEYS_URL": "http://127.0.0.1:1/keys"},
        GATEWAY_API_KEYS=f"app:{digest}:read",
    )
    assert (await ask(world, token())).status_code == 503
    assert (await ask(world, "plain-key")).status_code == 200


@pytest.mark.parametrize(
    "url", ["http://issuer.example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "http://"]
)
def test_keys_are_read_over_https_or_on_loopback_only(url: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_JWT_KEYS_URL"):
        config.read({**DEFAULTS, **SETTINGS, "GATEWAY_JWT_KEYS": "", "GATEWAY_JWT_KEYS_URL": url})

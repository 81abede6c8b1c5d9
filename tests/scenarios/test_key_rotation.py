"""Keys change in their files while the gateway runs: new ones count from then on, old ones no longer."""

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from gateway import config
from gateway.app import Renewal
from gateway.cache.reads import Keep
from gateway.model.source import Source
from gateway.telemetry import logs
from tests.support.houses import KEYS, House, Town, accounts, entry, environment, houses, town
from tests.support.waiting import give_way, until

ISSUER, AUDIENCE = "https://issuer.example.com", "contacts"
LIST = "{ contacts(first: 9) { nodes { id source email } sources { source status } } }"
ONE = "{ contacts(first: 1, sources: [PACKAGEX]) { nodes { id email } } }"
STATES = "{ sources { source enabled } }"


class Lines(logging.Handler):
    """What is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(logs.JsonLines().format(record)))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


class Rotated:
    """A gateway whose secrets stand in files."""

    def __init__(self, folder: Path, behind: list[House], **more: str) -> None:
        self.folder = folder
        self.log = Lines()
        self.settings = environment(None, **more)
        self._files: dict[str, Path] = {}
        self._behind = behind

    def file(self, name: str, text: str) -> None:
        """Put a new file of a secret in the place of the old one, in one step as secrets are mounted."""
        path = self._files.setdefault(name, self.folder / name)
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)
        self.settings[f"{name}_FILE"] = str(path)

    def start(self) -> Town:
        self.town = town(self._behind, self.settings)
        self.renewal = Renewal(self.town.gateway, lambda: config.read(self.settings))
        return self.town

    @property
    def told(self) -> list[str]:
        """What the log says of keys, with the message where one was refused."""
        return [
            line.get("message", line["event"])
            for line in self.log.lines
            if line["event"] in {"keys renewed", "keys refused"}
        ]


@pytest.fixture
def home() -> House:
    return houses("home", people=20)[0]


@pytest.fixture
async def rotated(tmp_path: Path, home: House) -> AsyncIterator[Rotated]:
    """A gateway with one caller, Ada, and the keys of one house."""
    made = Rotated(tmp_path, [home])
    made.file("GATEWAY_API_KEYS", entry("ada"))
    for source, name in KEYS.items():
        made.file(name, home.keys[source])
    logging.getLogger().addHandler(made.log)
    made.start()
    await made.renewal.look()
    yield made
    logging.getLogger().removeHandler(made.log)
    await made.town.aclose()


# Callers.


async def test_new_keys_of_callers_count_and_old_ones_are_refused(rotated: Rotated) -> None:
    rotated.file("GATEWAY_API_KEYS", f"{entry('ada')};{entry('ada', key='ada-2')}")
    assert (await rotated.town.ask("ada-2", STATES)).status == 401
    await rotated.renewal.look()
    for key in ("ada", "ada-2"):
        assert (await rotated.town.ask(key, STATES)).status == 200
    rotated.file("GATEWAY_API_KEYS", entry("ada", key="ada-2"))
    await rotated.renewal.look()
    assert (await rotated.town.ask("ada", STATES)).status == 401
    assert (await rotated.town.ask("ada-2", STATES)).status == 200
    assert rotated.told == ["keys renewed", "keys renewed"]


async def test_rights_that_are_taken_away_are_gone(rotated: Rotated) -> None:
    rotated.file("GATEWAY_API_KEYS", entry("ada", "read:default:PACKAGEX"))
    await rotated.renewal.look()
    nodes = (await rotated.town.data("ada", LIST))["contacts"]["nodes"]
    assert {node["source"] for node in nodes} == {"PACKAGEX"}


async def test_files_that_did_not_change_are_not_read_again(rotated: Rotated) -> None:
    for _ in range(3):
        await rotated.renewal.look()
    assert rotated.told == []


@pytest.mark.parametrize(
    "content",
    ["", " \n", "ada", "ada:not-a-hash:read", entry("ada", "rule"), entry("ada")[:-30], "\x00", ";;"],
)
async def test_an_odd_file_of_callers_is_told_and_the_old_keys_stay(rotated: Rotated, content: str) -> None:
    rotated.file("GATEWAY_API_KEYS", content)
    await rotated.renewal.look()
    (message,) = rotated.told
    assert message.startswith("GATEWAY_API_KEYS ")
    assert "ada" not in message
    assert (await rotated.town.ask("ada", STATES)).status == 200
    assert (await rotated.town.client.post("/graphql", json={"query": STATES})).status_code == 401
    await rotated.renewal.look()  # told once
    assert len(rotated.told) == 1
    rotated.file("GATEWAY_API_KEYS", entry("ada", key="ada-2"))
    await rotated.renewal.look()
    assert (await rotated.town.ask("ada-2", STATES)).status == 200


async def test_a_gateway_with_keys_never_becomes_open_while_it_runs(rotated: Rotated) -> None:
    for content in ("", entry("ada", key="ada-2"), ""):
        rotated.file("GATEWAY_API_KEYS", content)
        await rotated.renewal.look()
        response = await rotated.town.client.post("/graphql", json={"query": LIST})
        assert response.status_code == 401
    assert (await rotated.town.ask("ada-2", STATES)).status == 200


async def test_files_that_go_away_are_told_and_the_old_keys_stay(rotated: Rotated) -> None:
    (rotated.folder / "GATEWAY_API_KEYS").unlink()
    await rotated.renewal.look()
    assert rotated.told == ["GATEWAY_API_KEYS_FILE cannot be read: No such file or directory."]
    assert (await rotated.town.ask("ada", STATES)).status == 200


# Sources.


async def test_new_keys_of_sources_are_sent(rotated: Rotated, home: House) -> None:
    before = dict(home.keys)
    for source, key in home.rekey("2").items():
        rotated.file(KEYS[source], f"{key}\n")
    assert (await rotated.town.ask("ada", LIST, Cache_Control="no-cache")).errors
    await rotated.renewal.look()
    rotated.town.forget()
    await rotated.town.data("ada", LIST, Cache_Control="no-cache")
    sent = {
        source: {value for request in way.requests for value in request.headers.values()}
        for source, way in home.ways.items()
    }
    for source, values in sent.items():
        assert [each for each in values if home.keys[source] in each]
        assert not [each for each in values if before[source] in each]
    assert rotated.told == ["keys renewed"]
    assert not rotated.log.of("internal error")


async def test_a_call_that_has_left_ends_with_the_key_that_it_left_with(
    rotated: Rotated, home: House
) -> None:
    hold = asyncio.Event()
    board = home.board(Source.PACKAGEX)
    board.sleep = lambda _: hold.wait()
    board.fail(latency=1.0, times=1)
    asked = asyncio.create_task(rotated.town.data("ada", ONE, Cache_Control="no-cache"))
    await until(lambda: board.requests)
    old = home.keys[Source.PACKAGEX]
    rotated.file("PACKAGEX_API_KEY", home.rekey("2")[Source.PACKAGEX])
    await rotated.renewal.look()
    hold.set()
    first = await asked
    assert await rotated.town.data("ada", ONE, Cache_Control="max-age=0") == first
    keys = [request.headers["px-api-key"] for request in home.ways[Source.PACKAGEX].requests]
    assert keys == [old, home.keys[Source.PACKAGEX]]


async def test_what_a_source_limits_and_what_is_kept_outlives_a_new_key(tmp_path: Path, home: House) -> None:
    kept = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "60" for kind in Keep}
    made = Rotated(tmp_path, [home], GATEWAY_API_KEYS=entry("ada"), PACKAGEX_RATE_LIMIT="50/60", **kept)
    made.file("PACKAGEX_API_KEY", home.keys[Source.PACKAGEX])
    there = made.start()
    await made.renewal.look()
    await there.data("ada", ONE)
    budget = there.gateway.accounts.budget(Source.PACKAGEX)
    now = asyncio.get_running_loop().time()
    assert budget.remaining(now) == 49
    made.file("PACKAGEX_API_KEY", home.rekey("2")[Source.PACKAGEX])
    await made.renewal.look()
    there.forget()
    await there.data("ada", ONE)
    assert home.calls == {}
    await there.data("ada", ONE, Cache_Control="no-cache")
    assert budget.remaining(now) == 48
    await there.aclose()


@pytest.mark.parametrize("content", ["key-7Jq2\x01x", "key-7Jq2-é", "key-7Jq2\nkey-7Jq2"])
async def test_an_odd_key_of_a_source_is_told_without_it_and_the_old_one_is_sent(
    rotated: Rotated, home: House, content: str
) -> None:
    rotated.file("PACKAGEX_API_KEY", content)
    rotated.file("GATEWAY_API_KEYS", entry("ada", key="ada-2"))
    await rotated.renewal.look()
    (message,) = rotated.told
    assert message.startswith("PACKAGEX_API_KEY ")
    assert "7Jq2" not in str(rotated.log.lines)
    assert (await rotated.town.ask("ada-2", STATES)).status == 401  # all of it, or nothing
    await rotated.town.data("ada", ONE)
    assert home.calls == {"PACKAGEX": 1}


async def test_an_empty_file_of_a_source_leaves_the_old_key(rotated: Rotated, home: House) -> None:
    rotated.file("PACKAGEX_API_KEY", "")
    await rotated.renewal.look()
    await rotated.town.data("ada", ONE)
    assert home.calls == {"PACKAGEX": 1}


# Accounts.


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Rotated]:
    """A gateway with common keys, and two accounts with keys of their own."""
    common, acme, zeta = behind = houses("common", "acme", "zeta", people=20)
    made = Rotated(tmp_path, behind)
    callers = (entry("cy", "read"), entry("ada", "read:acme"), entry("bob", "read:zeta"))
    made.file("GATEWAY_API_KEYS", ";".join(callers))
    made.file("GATEWAY_ACCOUNTS", accounts(acme, zeta))
    for source, name in KEYS.items():
        made.file(name, common.keys[source])
    logging.getLogger().addHandler(made.log)
    made.start()
    await made.renewal.look()
    yield made
    logging.getLogger().removeHandler(made.log)
    await made.town.aclose()


async def test_new_keys_of_one_account_are_sent_for_it_alone(pair: Rotated) -> None:
    common, acme, zeta = pair.town.houses
    acme.rekey("2")
    pair.file("GATEWAY_ACCOUNTS", accounts(acme, zeta))
    await pair.renewal.look()
    for who in ("cy", "ada", "bob"):
        await pair.town.data(who, LIST)
    assert common.calls == acme.calls == zeta.calls
    assert pair.town.strangers == []


async def test_a_new_account_is_opened(pair: Rotated) -> None:
    common, acme, zeta = pair.town.houses
    new = houses("new", people=20)[0]
    pair.town.houses.append(new)  # type: ignore[attr-defined] - the list that the streets look at
    pair.file("GATEWAY_ACCOUNTS", accounts(acme, zeta, new))
    text = ";".join((entry("cy", "read"), entry("ada", "read:acme"), entry("dee", "read:new")))
    pair.file("GATEWAY_API_KEYS", text)
    await pair.renewal.look()
    assert pair.told == ["keys renewed"]
    pair.town.forget()
    await pair.town.data("dee", LIST)
    assert set(new.calls) == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}
    assert (common.calls, acme.calls, zeta.calls) == ({}, {}, {})
    assert (await pair.town.ask("bob", LIST)).status == 401


@pytest.mark.parametrize("content", ["", "{}", " ", '{"zeta": {}}', "{", "[]", '{"acme": {"NOPE": "x"}}'])
async def test_a_file_that_lacks_an_account_shows_nobody_what_is_common(pair: Rotated, content: str) -> None:
    common, acme, _ = pair.town.houses
    pair.file("GATEWAY_ACCOUNTS", content)
    await pair.renewal.look()
    (message,) = pair.told
    assert message.startswith("GATEWAY_ACCOUNTS ")
    await pair.town.data("ada", LIST)
    assert common.calls == {}
    assert set(acme.calls) == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}


# Tokens.


def pem() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def jwks(**keys: RSAPrivateKey) -> str:
    listed = [
        {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"}
        for name, key in keys.items()
    ]
    return json.dumps({"keys": listed})


def token(name: str, key: RSAPrivateKey, **claims: Any) -> str:
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 3600, "scope": "read"}
    return jwt.encode({**told, **claims}, key, algorithm="RS256", headers={"kid": name})


async def status(there: Town, bearer: str) -> int:
    sent = {"Authorization": f"Bearer {bearer}"}
    return (await there.client.post("/graphql", json={"query": STATES}, headers=sent)).status_code


@pytest.fixture
async def issued(tmp_path: Path) -> AsyncIterator[Rotated]:
    """A gateway that takes tokens, for the common keys and for the account acme."""
    _, acme = behind = houses("common", "acme", people=20)
    made = Rotated(tmp_path, behind, GATEWAY_JWT_ISSUER=ISSUER, GATEWAY_JWT_AUDIENCE=AUDIENCE)
    made.file("GATEWAY_ACCOUNTS", accounts(acme))
    logging.getLogger().addHandler(made.log)
    yield made
    logging.getLogger().removeHandler(made.log)
    await made.town.aclose()


async def test_new_keys_of_the_issuer_count_and_withdrawn_ones_do_not(issued: Rotated) -> None:
    old, new = pem(), pem()
    issued.file("GATEWAY_JWT_KEYS", jwks(old=old))
    there = issued.start()
    await issued.renewal.look()
    tokens = token("old", old), token("new", new)
    assert [await status(there, each) for each in tokens] == [200, 401]
    issued.file("GATEWAY_JWT_KEYS", jwks(old=old, new=new))
    await issued.renewal.look()
    assert [await status(there, each) for each in tokens] == [200, 200]
    issued.file("GATEWAY_JWT_KEYS", jwks(new=new))
    await issued.renewal.look()
    assert [await status(there, each) for each in tokens] == [401, 200]
    for odd in ("", "{}", "{", jwks(new=new)[:-40]):
        issued.file("GATEWAY_JWT_KEYS", odd)
        await issued.renewal.look()
        assert issued.told[-1].startswith("GATEWAY_JWT_KEYS")
        assert [await status(there, each) for each in tokens] == [401, 200]


async def test_a_token_for_an_account_that_was_taken_out_is_refused(issued: Rotated) -> None:
    key = pem()
    issued.file("GATEWAY_JWT_KEYS", jwks(a=key))
    there = issued.start()
    await issued.renewal.look()
    for_acme = token("a", key, account="acme")
    assert await status(there, for_acme) == 200
    issued.file("GATEWAY_ACCOUNTS", "{}")
    await issued.renewal.look()
    assert issued.told == ["keys renewed"]
    assert await status(there, for_acme) == 401
    assert await status(there, token("a", key, account="acme", jti="another")) == 401
    assert await status(there, token("a", key)) == 200


async def test_other_keys_that_change_do_not_cost_those_of_the_issuer(issued: Rotated) -> None:
    """Else an issuer that does not answer would lock everybody out whenever any key changes."""
    key = pem()
    issued.settings["GATEWAY_JWT_KEYS_URL"] = "https://issuer.example.com/keys"
    issued.file("GATEWAY_API_KEYS", entry("ada"))
    there = issued.start()
    await issued.renewal.look()
    answers = [jwks(a=key).encode()]

    async def fetch(_: str, __: Any) -> bytes:
        return answers.pop()

    verifier: Any = there.gateway.authority._verifier
    verifier.fetch = fetch
    assert await status(there, token("a", key)) == 200
    assert answers == []
    issued.file("GATEWAY_API_KEYS", entry("ada", key="ada-2"))
    await issued.renewal.look()
    assert issued.told == ["keys renewed"]
    assert await status(there, token("a", key, jti="another")) == 200


# The task.


async def test_the_running_gateway_looks_by_itself(tmp_path: Path, home: House) -> None:
    made = Rotated(tmp_path, [home])
    made.file("GATEWAY_API_KEYS", entry("ada"))
    logging.getLogger().addHandler(made.log)
    there = town([home], made.settings, reread=lambda: config.read(made.settings))
    async with there.app.router.lifespan_context(there.app):
        assert (await there.ask("ada", STATES)).status == 200
        # Written again until it has been seen: the first look, which only remembers, may have come late.
        for number in itertools.count():
            made.file("GATEWAY_API_KEYS", f"{entry('ada', key='ada-2')};{entry(f'bob-{number}')}")
            if made.told:
                break
            await give_way()
        assert (await there.ask("ada", STATES)).status == 401
        assert (await there.ask("ada-2", STATES)).status == 200
        made.file("GATEWAY_API_KEYS", "")
        await until(lambda: len(made.told) > 1 and made.told[-1].startswith("GATEWAY_API_KEYS "))
        assert (await there.ask("ada-2", STATES)).status == 200
    logging.getLogger().removeHandler(made.log)
    await there.client.aclose()


async def test_a_fault_of_ours_is_told_and_the_next_change_is_taken(rotated: Rotated) -> None:
    faults = [RuntimeError("key-7Jq2")]
    reread = rotated.renewal.reread

    def read() -> config.Config:
        if faults:
            raise faults.pop()
        return reread()

    rotated.renewal.reread = read
    rotated.file("GATEWAY_API_KEYS", entry("ada", key="ada-2"))
    running = asyncio.create_task(rotated.renewal.run())
    await until(lambda: rotated.log.of("internal error"))
    running.cancel()
    await asyncio.wait((running,))
    rotated.file("GATEWAY_API_KEYS", entry("ada", key="ada-3"))
    await rotated.renewal.look()
    assert (await rotated.town.ask("ada-3", STATES)).status == 200


async def test_requests_go_on_while_keys_change_again_and_again(rotated: Rotated, home: House) -> None:
    async def ask() -> list[int]:
        return [(await rotated.town.ask("ada", ONE, Cache_Control="no-cache")).status for _ in range(20)]

    asking = [asyncio.create_task(ask()) for _ in range(5)]
    for number in range(20):
        rotated.file("GATEWAY_API_KEYS", f"{entry('ada')};{entry('bob', key=f'bob-{number}')}")
        rotated.file("PACKAGEX_API_KEY", home.rekey(str(number))[Source.PACKAGEX])
        await rotated.renewal.look()
    found = [status for some in await asyncio.gather(*asking) for status in some]
    assert set(found) == {200}
    assert len(rotated.told) == 20
    assert (await rotated.town.data("ada", ONE, Cache_Control="no-cache"))["contacts"]["nodes"]
    assert (await rotated.town.ask("bob-19", STATES)).status == 200
    assert (await rotated.town.ask("bob-18", STATES)).status == 401


@pytest.mark.parametrize(
    "odd", [5, {}, {"kty": ["RSA"]}, {"kty": "EC", "alg": "none"}, {"kty": "RSA", "n": 5, "e": "AQAB"}]
)
async def test_an_odd_key_among_those_of_the_issuer_is_left_out(issued: Rotated, odd: Any) -> None:
    key = pem()
    issued.file("GATEWAY_JWT_KEYS", jwks(a=key))
    there = issued.start()
    await issued.renewal.look()
    curve = {"crv": "P-256", "x": "0" * 43, "y": "1" * 43}
    more = {**curve, **odd} if isinstance(odd, dict) and odd.get("kty") == "EC" else odd
    issued.file("GATEWAY_JWT_KEYS", json.dumps({"keys": [more, *json.loads(jwks(b=key))["keys"]]}))
    await issued.renewal.look()
    assert issued.told == ["keys renewed"]
    assert [await status(there, token(name, key)) for name in ("a", "b")] == [401, 200]

"""Accounts that change while work of theirs is under way, or while something goes wrong."""

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cache.reads import Keep
from gateway.model.source import Source
from tests.scenarios.test_key_rotation import ISSUER, LIST, Rotated, jwks, pem, token
from tests.server.test_streams import SSE, streamed
from tests.support.houses import ALL_HEADERS, KEYS, House, accounts, entry, houses
from tests.support.serving import serving
from tests.support.waiting import until

CREATE = (
    'mutation { createContact(input: { contact: { firstName: "Zed", lastName: "Late", '
    'email: "zed.late@example.com" }, targets: [{ source: PACKAGEX }] }) { contacts { id } } }'
)
FOLLOW = "subscription { events { node { type contact { displayName } } } }"
PEOPLE = "{ contacts(first: 9, sources: [PACKAGEX]) { nodes { email } } }"
EVERYBODY = "{ people(first: 50) { nodes { emails } } }"
ASKED = (
    PEOPLE,
    "{ contacts(first: 9, sources: [PACKAGEX], orderBy: {field: NAME}) { nodes { email } } }",
    "{ people(first: 9) { nodes { emails } } }",
)
KEPT = {f"GATEWAY_CACHE_{kind.name}_SECONDS": "60" for kind in Keep}


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Rotated]:
    """A gateway with two accounts, and a cache that lasts."""
    behind = houses("common", "acme", "zeta", people=20)
    made = Rotated(tmp_path, behind, **KEPT)
    made.file("GATEWAY_API_KEYS", callers("ada:acme", "bob:zeta"))
    made.file("GATEWAY_ACCOUNTS", accounts(*behind[1:]))
    logging.getLogger().addHandler(made.log)
    made.start()
    await made.renewal.look()
    yield made
    logging.getLogger().removeHandler(made.log)
    await made.town.aclose()


def emails(answer: Any) -> set[str]:
    return set(re.findall(r"[\w.+-]+@[\w.]+", json.dumps(answer)))


def callers(*named: str) -> str:
    return ";".join(entry(*each.split(":")[:1], f"read,write:{each.split(':')[1]}") for each in named)


def without(house: House, source: Source = Source.SMART_SENDER) -> dict[str, str]:
    return {name: key for name, key in house.settings.items() if name != KEYS[source]}


def held(house: House) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold answers of PackageX back: when one is there, and until when."""
    way = house.ways[Source.PACKAGEX]
    inner, there, going_on = way.handle_async_request, asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> Any:
        answer = await inner(request)
        there.set()
        await going_on.wait()
        return answer

    way.handle_async_request = slow  # type: ignore[method-assign]
    return there, going_on


def failing_once(pair: Rotated) -> None:
    """The index cannot be emptied the first time."""
    store = pair.town.gateway.accounts._parts.store
    forget, faults = store.forget, [sqlite3.OperationalError("database is locked")]

    async def failing(account: str) -> None:
        if faults:
            raise faults.pop()
        await forget(account)

    store.forget = failing  # type: ignore[method-assign]


def slow(pair: Rotated) -> asyncio.Event:
    """The index is emptied slowly: not before this is set."""
    store, going_on = pair.town.gateway.accounts._parts.store, asyncio.Event()
    forget = store.forget

    async def slowly(account: str) -> None:
        await going_on.wait()
        await forget(account)

    store.forget = slowly  # type: ignore[method-assign]
    return going_on


async def begun(pair: Rotated) -> "asyncio.Task[None]":
    """A renewal that has begun to close accounts, and waits."""
    renewing = asyncio.create_task(pair.renewal.look())
    await until(lambda: pair.town.gateway.accounts._retired or renewing.done())
    assert not renewing.done()
    return renewing


async def taken_out(pair: Rotated) -> None:
    """Acme leaves."""
    pair.file("GATEWAY_ACCOUNTS", accounts(pair.town.houses[2]))
    pair.file("GATEWAY_API_KEYS", callers("bob:zeta"))
    await pair.renewal.look()


async def given_away(pair: Rotated, *sources: Source) -> House:
    """Another company gets the name acme, with keys of these sources, or of all."""
    new = houses("a", "b", "c", "new", people=20)[3]
    pair.town.houses.append(new)  # type: ignore[attr-defined] - the list that the streets look at
    zeta = pair.town.houses[2]
    settings = {KEYS[source]: new.keys[source] for source in sources or KEYS}
    pair.file("GATEWAY_ACCOUNTS", json.dumps({"zeta": zeta.settings, "acme": settings}))
    pair.file("GATEWAY_API_KEYS", callers("bob:zeta", "eve:acme"))
    await pair.renewal.look()
    return new


@pytest.mark.parametrize("asked", ASKED)
async def test_whoever_gets_the_name_of_an_account_that_was_taken_out_gets_nothing_of_it(
    pair: Rotated, asked: str
) -> None:
    _, acme, zeta = pair.town.houses
    for account in ("acme", "zeta"):
        await pair.town.scan(account)
    old, others = emails(await pair.town.data("ada", asked)), await pair.town.data("bob", asked)
    assert old
    await taken_out(pair)
    assert "acme" not in pair.town.gateway.directories
    acme.forget()
    await given_away(pair, Source.SAMESPACE)
    assert pair.told == ["keys renewed"] * 2
    told = await pair.town.ask("eve", asked)
    assert emails(told.body) & old == set()
    assert acme.calls == {}
    zeta.forget()
    assert await pair.town.data("bob", asked) == others


async def test_a_key_that_was_taken_out_of_an_account_is_used_no_longer(pair: Rotated) -> None:
    _, acme, zeta = pair.town.houses
    await pair.town.scan("acme")
    await pair.town.data("ada", LIST)
    settings = {name: key for name, key in acme.settings.items() if name != KEYS[Source.PACKAGEX]}
    pair.file("GATEWAY_ACCOUNTS", json.dumps({"zeta": zeta.settings, "acme": settings}))
    await pair.renewal.look()
    acme.forget()
    for asked in (*ASKED, LIST):
        await pair.town.ask("ada", asked)
    assert set(acme.calls) == {"SAMESPACE", "SMART_SENDER"}
    await pair.renewal.look()
    pair.file("GATEWAY_ACCOUNTS", accounts(acme, zeta))
    await pair.renewal.look()
    assert emails(await pair.town.data("ada", PEOPLE))


async def test_an_account_that_gets_keys_of_its_own_tells_nothing_of_what_is_common(
    tmp_path: Path,
) -> None:
    home, own = houses("home", "own", people=20)
    made = Rotated(tmp_path, [home, own])
    made.file("GATEWAY_API_KEYS", entry("ada", "read"))
    made.file("GATEWAY_ACCOUNTS", "")
    for source, name in KEYS.items():
        made.file(name, home.keys[source])
    made.start()
    await made.renewal.look()
    common = emails(await made.town.data("ada", PEOPLE))
    made.file("GATEWAY_ACCOUNTS", json.dumps({"default": own.settings}))
    await made.renewal.look()
    home.forget()
    told = emails(await made.town.data("ada", PEOPLE))
    assert told
    assert (told & common, home.calls) == (set(), {})
    await made.town.aclose()


async def test_what_goes_wrong_once_costs_no_account(pair: Rotated) -> None:
    _, acme, zeta = pair.town.houses
    failing_once(pair)
    pair.file("GATEWAY_ACCOUNTS", json.dumps({"acme": without(acme), "zeta": without(zeta)}))
    with pytest.raises(sqlite3.OperationalError):
        await pair.renewal.look()
    await pair.renewal.look()
    acme.forget()
    zeta.forget()
    for who in ("ada", "bob"):
        assert (await pair.town.ask(who, LIST)).status == 200
    assert set(acme.calls) == set(zeta.calls) == {"SAMESPACE", "PACKAGEX"}


async def test_what_could_not_be_emptied_is_not_told_to_the_next_of_that_name(pair: Rotated) -> None:
    await pair.town.scan("acme")
    old = emails(await pair.town.data("ada", EVERYBODY))
    failing_once(pair)
    with pytest.raises(sqlite3.OperationalError):
        await taken_out(pair)
    await given_away(pair)
    assert old
    assert emails((await pair.town.ask("eve", EVERYBODY)).body) & old == set()


async def test_the_default_account_loses_keys_of_its_own_also_where_tokens_name_it(tmp_path: Path) -> None:
    common, own = houses("common", "own", people=20)
    made = Rotated(tmp_path, [common, own], GATEWAY_JWT_ISSUER=ISSUER, GATEWAY_JWT_AUDIENCE="contacts")
    key = pem()
    made.file("GATEWAY_JWT_KEYS", jwks(a=key))
    made.file("GATEWAY_ACCOUNTS", json.dumps({"default": own.settings}))
    made.file("PACKAGEX_API_KEY", common.keys[Source.PACKAGEX])
    there = made.start()
    await made.renewal.look()

    async def ask(query: str) -> Any:
        sent = {"Authorization": f"Bearer {token('a', key)}"}
        return (await there.client.post("/graphql", json={"query": query}, headers=sent)).json()

    old = emails(await ask(PEOPLE))
    made.file("GATEWAY_ACCOUNTS", "{}")
    await made.renewal.look()
    own.forget()
    told = emails([await ask(PEOPLE), await ask(LIST)])
    await there.aclose()
    assert old
    assert (told & old, own.calls) == (set(), {})


async def test_all_accounts_that_change_stop_at_the_same_moment(pair: Rotated) -> None:
    _, acme, zeta = pair.town.houses
    going_on = slow(pair)
    pair.file("GATEWAY_ACCOUNTS", json.dumps({"acme": without(acme), "zeta": without(zeta)}))
    renewing = await begun(pair)
    zeta.forget()
    answer = await pair.town.ask("bob", LIST)
    going_on.set()
    await renewing
    assert (answer.status, answer.codes, zeta.calls) == (503, ["OVERLOADED"], {})
    assert (await pair.town.ask("bob", LIST)).status == 200


async def test_while_an_account_is_opened_anew_its_callers_are_told_to_come_again(pair: Rotated) -> None:
    zeta = pair.town.houses[2]
    settings = {KEYS[Source.PACKAGEX]: zeta.keys[Source.PACKAGEX]}
    going_on = slow(pair)
    acme = pair.town.houses[1]
    pair.file("GATEWAY_ACCOUNTS", json.dumps({"acme": acme.settings, "zeta": settings}))
    renewing = await begun(pair)
    answer = await pair.town.ask("bob", LIST)
    assert (answer.status, answer.codes) == (503, ["OVERLOADED"])
    await pair.town.data("ada", LIST)
    going_on.set()
    await renewing
    assert emails(await pair.town.data("bob", PEOPLE))


async def test_a_read_under_way_leaves_nothing_for_the_next_of_that_name(pair: Rotated) -> None:
    there, going_on = held(pair.town.houses[1])
    asking = asyncio.create_task(pair.town.ask("ada", PEOPLE))
    await until(lambda: there.is_set() or asking.done())
    await taken_out(pair)
    going_on.set()
    old = emails((await asking).body)
    new = await given_away(pair)
    new.board(Source.PACKAGEX).fail(status=500)
    assert old
    assert emails((await pair.town.ask("eve", PEOPLE)).body) & old == set()


async def test_a_write_under_way_leaves_no_row_for_the_next_of_that_name(pair: Rotated) -> None:
    await pair.town.scan("acme")
    there, going_on = held(pair.town.houses[1])
    asking = asyncio.create_task(pair.town.ask("ada", CREATE))
    await until(lambda: there.is_set() or asking.done())
    await taken_out(pair)
    going_on.set()
    await asking
    await given_away(pair)
    assert "zed.late@example.com" not in emails((await pair.town.ask("eve", EVERYBODY)).body)


async def test_a_subscription_ends_with_the_account_that_it_has_begun_with(pair: Rotated) -> None:
    _, acme, zeta = pair.town.houses
    async with serving(pair.town) as place, streamed(place, FOLLOW, SSE, **{"X-Api-Key": "ada"}) as parts:
        feed = pair.town.gateway.ledgers["acme"].feed
        await until(lambda: feed.followers("acme"))
        await pair.town.data("ada", CREATE)
        assert (await parts.event())[0] == "next"
        pair.file("GATEWAY_ACCOUNTS", json.dumps({"acme": without(acme), "zeta": zeta.settings}))
        await pair.renewal.look()
        await pair.town.data("ada", CREATE)
        assert "Subscribe again" in json.dumps(await parts.event())


async def test_accounts_of_keys_that_callers_bring_change_with_that_of_the_caller(tmp_path: Path) -> None:
    acme, zeta = behind = houses("acme", "zeta", people=20)
    made = Rotated(tmp_path, behind, GATEWAY_CREDENTIAL_HEADERS=ALL_HEADERS)
    made.file("GATEWAY_API_KEYS", callers("ada:acme", "bob:zeta"))
    made.file("GATEWAY_ACCOUNTS", accounts(*behind))
    made.start()
    await made.renewal.look()
    await made.town.data("ada", PEOPLE, **zeta.headers())
    elsewhere = {**acme.settings, "PACKAGEX_URL": "http://127.0.0.1:2/elsewhere"}
    made.file("GATEWAY_ACCOUNTS", json.dumps({"acme": elsewhere, "zeta": zeta.settings}))
    await made.renewal.look()
    assert made.town.brought == []
    await made.town.ask("ada", PEOPLE, **zeta.headers())
    opened = made.town.gateway.accounts._open
    assert {opened[name].sources[Source.PACKAGEX].url for name in made.town.brought} == {
        elsewhere["PACKAGEX_URL"]
    }
    await made.town.aclose()

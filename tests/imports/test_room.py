"""Imports that are too many at once are refused, and few files are read at the same time."""

import asyncio
import hashlib
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ImportsCrowded
from gateway.imports.jobs import Imports
from gateway.imports.room import MOST_JOBS, READERS, Room
from gateway.model.caller import Caller, Scope
from gateway.model.importing import Upload
from tests.conftest import Build
from tests.support.children import readers
from tests.support.waiting import give_way, until
from tests.support.world import World

CONTENT = b"First Name,Last Name,Email\nNoor,Aldana,noor@example.com\n"
DOCUMENT = (
    "mutation ($input: ImportContactsInput!) "
    "{ importContacts(input: $input) { job { state } userErrors { code message } } }"
)
INPUT = {"targets": [{"source": "PACKAGEX"}], "dryRun": True, "file": None}
ACCOUNTS = '{"acme": {"PACKAGEX_API_KEY": "a"}, "blue": {"PACKAGEX_API_KEY": "b"}}'


def caller(name: str = "ada", account: str = "default") -> Caller:
    return Caller(name=name, scopes=frozenset(Scope), account=account)


def pipe(folder: Path, name: str = "pipe") -> tuple[Path, dict[str, Any]]:
    """A file that cannot be read to its end before a test says what is in it."""
    path = folder / name
    os.mkfifo(path)
    upload = Upload(path, "people.csv", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return path, {**INPUT, "file": upload}


async def give(path: Path) -> None:
    """Let the reader of a pipe read a file."""
    await asyncio.to_thread(path.write_bytes, CONTENT)


def imports_of(world: World, account: str = "default") -> Imports:
    return world.gateway.ledgers[account].imports


def test_places_are_given_back() -> None:
    room = Room(most=2)
    with ExitStack() as held:
        held.enter_context(room.one("ada"))
        held.enter_context(room.one("bob"))
        with pytest.raises(ImportsCrowded):
            room.one("cyd").__enter__()
    with room.one("ada"), room.one("ada"):
        pass


@pytest.mark.parametrize(("of_one", "most"), [(0.75, 12), (0.01, 1), (1.0, MOST_JOBS)])
def test_one_caller_gets_its_part(of_one: float, most: int) -> None:
    room = Room(of_one=of_one)
    with ExitStack() as held:
        for _ in range(most):
            held.enter_context(room.one("ada"))
        with pytest.raises(ImportsCrowded):
            room.one("ada").__enter__()
        if of_one < 1:
            held.enter_context(room.one("bob"))


async def test_imports_that_wait_in_too_long_a_line_are_refused_and_may_be_repeated(
    fresh: World, tmp_path: Path
) -> None:
    imports = imports_of(fresh)
    _, given = pipe(tmp_path)
    waiting = [asyncio.create_task(imports.begin(caller(), given)) for _ in range(MOST_JOBS)]
    await until(lambda: len(imports._running) == MOST_JOBS)
    answer = await fresh.upload(DOCUMENT, {"input": INPUT}, CONTENT)
    assert answer.codes == ["OVERLOADED"]
    assert answer.errors[0]["extensions"]["retryable"] is True
    assert answer.errors[0]["extensions"]["retryAfterSeconds"] > 0
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert (readers(), os.listdir(imports.scratch)) == ([], [])
    answer = await fresh.upload(DOCUMENT, {"input": INPUT}, CONTENT)
    assert answer.data["importContacts"] == {"job": {"state": "FINISHED"}, "userErrors": []}


async def test_few_files_are_read_at_once_whatever_accounts_they_are_of(
    new_world: Build, tmp_path: Path
) -> None:
    world = new_world(GATEWAY_ACCOUNTS=ACCOUNTS, GATEWAY_API_KEYS=keys("acme", "blue"))
    seen, beginning = set(), []
    pipes = [pipe(tmp_path, str(number)) for number in range(6)]
    for number, (_, given) in enumerate(pipes):
        account = ("acme", "blue")[number % 2]
        one = imports_of(world, account).begin(caller(account, account), given)
        beginning.append(asyncio.create_task(one))
    await until(lambda: len(readers()) >= READERS)
    for (path, _), task in zip(pipes, beginning, strict=True):
        await give(path)
        while not task.done():
            seen.add(len(readers()))
            await give_way()
    payloads = await asyncio.gather(*beginning)
    assert all(payload["job"] and not payload["userErrors"] for payload in payloads)
    assert max(seen) == READERS


async def test_a_reader_that_is_killed_costs_its_own_file_alone(fresh: World, tmp_path: Path) -> None:
    _, given = pipe(tmp_path)
    beginning = asyncio.create_task(imports_of(fresh).begin(caller(), given))
    await until(readers)
    os.kill(readers()[0], signal.SIGKILL)
    payload = await beginning
    assert payload["job"] is None
    assert [error["code"] for error in payload["userErrors"]] == ["TOO_LARGE"]
    assert "broken" in payload["userErrors"][0]["message"]
    assert (readers(), os.listdir(fresh.gateway.scratch)) == ([], [])
    answer = await fresh.upload(DOCUMENT, {"input": INPUT}, CONTENT)
    assert answer.data["importContacts"] == {"job": {"state": "FINISHED"}, "userErrors": []}


async def test_a_caller_who_goes_away_ends_the_reader(fresh: World, tmp_path: Path) -> None:
    _, given = pipe(tmp_path)
    beginning = asyncio.create_task(imports_of(fresh).begin(caller(), given))
    await until(readers)
    beginning.cancel()
    await asyncio.wait((beginning,))
    assert (readers(), os.listdir(fresh.gateway.scratch)) == ([], [])


def keys(*accounts: str) -> str:
    return ";".join(
        f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:read,write,import:{name}" for name in accounts
    )

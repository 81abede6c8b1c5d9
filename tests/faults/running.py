"""Runs one cell: breaks a source, asks, checks the answer, heals the source, and sees that it works again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from gateway.model.source import Source
from tests.faults.bench import TIMEOUT, Bench
from tests.faults.matrix import RETRY_AFTER, Cell
from tests.support.faults import AT_THE_DOOR, Fault

SLOW: Final = TIMEOUT + 0.5  # seconds
RECOVERY: Final = 15.0  # seconds within which a healed source has to work again
LONGEST_LOCK: Final = 75.0  # the same after a 429 without a time, for which the gateway assumes a minute
PAUSE: Final = 0.1  # seconds between tries, where no time is told
CALM: Final = 20  # calls that go well after a cell, so that nothing remembers its failures


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of a cell. `wrong` says what should not be so; `recovered` is in seconds, None for never."""

    cell: Cell
    status: str | None = None
    code: str | None = None
    seconds: float = 0.0
    repeats: int | None = None
    recovered: float | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def slow(self) -> bool:
        """Whether the caller waited for longer than one call may take, and a little."""
        return self.seconds > SLOW


async def run(bench: Bench, cell: Cell, *, retry_after: int = RETRY_AFTER, calm: int = CALM) -> Result:
    """Run one cell. `retry_after` is what the source says with a 429; `calm` calls follow, and go well."""
    proxy = bench.proxies[cell.source]
    there = cell.source is not bench.nowhere
    others = [source for source in Source if source is not cell.source]
    usual_ids = _ids((await bench.read(*others)).json())
    usual_requests, passing = await _usual(bench, cell) if there else (0, 0)
    result = Result(cell=cell)
    clock = asyncio.get_running_loop().time
    proxy.forget()
    if there:
        await proxy.fail(cell.fault, only_writes=cell.write, passing=passing, retry_after=retry_after)
    started = clock()
    try:
        answer = await (bench.write(cell.source) if cell.write else bench.read())
    finally:
        result.seconds = clock() - started
        requests, writes = proxy.requests, proxy.writes
        if there:
            await proxy.heal()
    if there and cell.fault not in AT_THE_DOOR:
        result.repeats = max(0, writes - 1 if cell.write else requests - usual_requests)
        result.wrong += [] if (writes if cell.write else requests) else ["the fault was not met"]
    elif writes:
        result.wrong.append("a write got through")
    _check_answer(bench, answer, result, usual_ids)
    _check_time(answer.json(), result, retry_after)
    asked = bench.writes
    if there:
        await _recover(bench, cell, result, calm)
    if writes > 1 or proxy.writes - writes > bench.writes - asked:
        result.wrong.append("the write was sent more than once")
    if bench.elsewhere.visits:
        result.wrong.append("a redirect was followed")
        bench.elsewhere.visits = 0
    return result


async def _usual(bench: Bench, cell: Cell) -> tuple[int, int]:
    """While all is well: how many requests a read takes; how many a write takes before it writes."""
    proxy = bench.proxies[cell.source]
    proxy.forget()
    if not cell.write:
        await bench.read()
        return proxy.requests, 0
    if cell.fault not in AT_THE_DOOR:
        return 0, 0
    await bench.write(cell.source)  # the second finds what the first has left in caches
    proxy.forget()
    await bench.write(cell.source)
    return 0, proxy.reads_before_writes


# Checking.


def _check_answer(bench: Bench, answer: httpx.Response, result: Result, usual_ids: list[str]) -> None:
    result.wrong += bench.seen_in(f"{answer.headers} {answer.text}")
    body = answer.json()
    if answer.status_code != 200 or "errors" in body:
        result.wrong.append(f"answered {answer.status_code} with {body.get('errors')}")
    elif result.cell.write:
        _check_write(body["data"]["updateContact"], result)
    else:
        _check_read(body["data"]["contacts"], result)
        if _ids(body) != usual_ids:
            result.wrong.append("the other sources do not give what they give without it")


def _check_read(page: Mapping[str, Any], result: Result) -> None:
    for outcome in page["sources"]:
        if outcome["source"] == result.cell.source.value:
            _check(outcome, result)
        elif outcome["status"] != "OK":
            result.wrong.append(f"{outcome['source']} is {outcome['status']}")


def _check_write(payload: Mapping[str, Any], result: Result) -> None:
    outcome = payload["outcome"]
    if outcome is None:
        result.wrong.append(f"no outcome, but {payload['userErrors']}")
        return
    _check(outcome, result)
    if outcome["retryable"] is not result.cell.expected.retryable:
        result.wrong.append(f"retryable is {outcome['retryable']}")


def _check(outcome: Mapping[str, Any], result: Result) -> None:
    expected = result.cell.expected
    result.status, result.code = outcome["status"], outcome["code"]
    if (result.status, result.code) != (expected.status, expected.code):
        result.wrong.append(f"expected {expected.status} {expected.code}")


def _check_time(body: Mapping[str, Any], result: Result, retry_after: int) -> None:
    if result.cell.fault is not Fault.RATE_LIMITED:
        return
    told = _outcome(body, result.cell).get("retryAfterSeconds")
    if told is None or not retry_after - 1 <= told <= retry_after:
        result.wrong.append(f"retryAfterSeconds is {told}")


def _outcome(body: Mapping[str, Any], cell: Cell) -> Mapping[str, Any]:
    """What an answer says of the source of a cell; nothing where it says nothing."""
    data = body.get("data") or {}
    if cell.write:
        return (data.get("updateContact") or {}).get("outcome") or {}
    page = data.get("contacts") or {"sources": []}
    return next((each for each in page["sources"] if each["source"] == cell.source.value), {})


def _ids(body: Mapping[str, Any]) -> list[str]:
    return [node["id"] for node in body["data"]["contacts"]["nodes"]]


# Recovering.


async def _recover(bench: Bench, cell: Cell, result: Result, calm: int) -> None:
    """Ask until the source works again. A breaker or a lock may hold it closed, and says for how long."""

    clock = asyncio.get_running_loop().time
    started = clock()
    patience = LONGEST_LOCK if cell.fault is Fault.RATE_LIMITED_UNTIMED else RECOVERY
    fine = "APPLIED" if cell.write else "OK"
    while (outcome := await _asked_again(bench, cell)).get("status") != fine:
        wait = outcome.get("retryAfterSeconds") or PAUSE
        if clock() - started + wait > patience:
            result.wrong.append(f"does not work again within {patience:.0f} seconds: {outcome}")
            return
        await asyncio.sleep(wait)
    result.recovered = clock() - started
    for _ in range(calm):
        await _asked_again(bench, cell)
    await bench.settled(cell.source)  # after an uncertain write it is scanned anew


async def _asked_again(bench: Bench, cell: Cell) -> Mapping[str, Any]:
    answer = await (bench.write(cell.source) if cell.write else bench.read())
    return _outcome(answer.json(), cell)

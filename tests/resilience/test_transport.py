"""The one way to a source: time, room, size, repeats, and what it learns from answers."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import brotli
import httpx
import pytest

from gateway import deadline, events
from gateway.errors import (
    BudgetSpent,
    DeadlineExceeded,
    GatewayError,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.network.answer import Received
from gateway.resilience import body
from gateway.resilience.budget import Budget
from gateway.resilience.policy import Policy
from gateway.resilience.transport import UpstreamTransport, retry_after
from tests.support.jumping import jumping
from tests.support.sources import shown

Play = Callable[[httpx.Request], Awaitable[httpx.Response]] | httpx.Response | Exception
SECRET = "key-7Jq2-that-nobody-may-see"


class Stream(httpx.AsyncByteStream):
    """A body in pieces, with a pause before each; it knows how many were taken and whether it was closed."""

    def __init__(
        self, pieces: Iterable[bytes], *, pause: float = 0.0, broken: Exception | None = None
    ) -> None:
        self._pieces = pieces
        self._pause = pause
        self._broken = broken
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(self._pause)
            self.taken += 1
            yield piece
        if self._broken is not None:
            raise self._broken

    async def aclose(self) -> None:
        self.closed = True


class Inner(httpx.AsyncBaseTransport):
    """Plays its answers one after the other, the last one for ever."""

    def __init__(self, *plays: Play) -> None:
        self._plays = list(plays)
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
        if isinstance(play, Exception):
            raise play
        return play if isinstance(play, httpx.Response) else await play(request)

    async def aclose(self) -> None:
        self.closed = True


class Sleeper:
    """Sleeps on the clock of the loop, and remembers for how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds)


async def never(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


def ok(**headers: str) -> httpx.Response:
    return httpx.Response(200, headers={name.replace("_", "-"): value for name, value in headers.items()})


def streamed(stream: Stream, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=stream)


def over(
    inner: Inner,
    budget: Budget | None = None,
    *,
    sleep: Sleeper | None = None,
    dice: float = 0.0,
    **policy: Any,
) -> UpstreamTransport:
    return UpstreamTransport(
        "PACKAGEX",
        inner,
        budget or Budget(None, 60.0),
        Policy(**policy),
        sleep=sleep or Sleeper(),
        dice=lambda: dice,
    )


def request(*, safe: bool = True, operation: str = "getContact") -> httpx.Request:
    extensions = {"operation": operation, "safe": safe}
    return httpx.Request("GET", "http://source/v1/contacts", extensions=extensions)


async def failure(call: Awaitable[object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await call
    return raised.value


async def heard(transport: UpstreamTransport, sent: httpx.Request) -> list[events.Event]:
    """What is told of one call, however it ends."""
    told: list[events.Event] = []
    with events.heard_by(told.append):
        await asyncio.gather(transport.handle_async_request(sent), return_exceptions=True)
    return told


# Time.


@jumping
async def test_a_source_that_never_answers_is_given_up_after_its_time() -> None:
    error = await failure(over(Inner(never), seconds=4.0).handle_async_request(request()))
    assert type(error) is UpstreamTimeout
    assert error.source == "PACKAGEX"
    assert error.retryable
    assert asyncio.get_running_loop().time() == pytest.approx(4.0)


@jumping
async def test_a_drip_is_given_up_after_the_same_time_however_lively_it_is() -> None:
    drip = Stream(repeat(b"x"), pause=0.5)
    error = await failure(over(Inner(streamed(drip)), seconds=4.0).handle_async_request(request()))
    assert type(error) is UpstreamTimeout
    await asyncio.sleep(0.1)
    assert drip.closed
    assert drip.taken <= 8


@jumping
async def test_a_slow_answer_that_keeps_within_its_time_is_an_answer() -> None:
    slow = Stream([b"{", b"}"], pause=1.5)
    response = await over(Inner(streamed(slow)), seconds=4.0).handle_async_request(request())
    assert response.content == b"{}"
    assert slow.closed


@jumping
async def test_the_deadline_of_the_work_counts_where_it_is_nearer() -> None:
    with deadline.within(1.5):
        error = await failure(over(Inner(never), seconds=4.0).handle_async_request(request()))
    assert type(error) is DeadlineExceeded
    assert error.source == "PACKAGEX"
    assert asyncio.get_running_loop().time() == pytest.approx(1.5)


@jumping
async def test_a_far_deadline_gives_a_call_no_more_time_than_its_own() -> None:
    with deadline.within(60.0):
        error = await failure(over(Inner(never), seconds=4.0).handle_async_request(request()))
    assert type(error) is UpstreamTimeout


@jumping
async def test_nothing_is_sent_once_the_deadline_has_passed() -> None:
    inner = Inner(ok())
    with deadline.within(1.0):
        await asyncio.sleep(2.0)
        error = await failure(over(inner).handle_async_request(request()))
    assert type(error) is DeadlineExceeded
    assert inner.requests == []


# Size.


async def test_an_answer_of_just_the_allowed_size_is_read_whole() -> None:
    body = Stream([b"a" * 600, b"b" * 424])
    response = await over(Inner(streamed(body)), answer_bytes=1024).handle_async_request(request())
    assert response.content == b"a" * 600 + b"b" * 424
    assert body.closed


async def test_one_byte_more_is_refused() -> None:
    body = Stream([b"a" * 600, b"b" * 425])
    error = await failure(over(Inner(streamed(body)), answer_bytes=1024).handle_async_request(request()))
    assert type(error) is UpstreamBadResponse
    assert body.closed


async def test_an_endless_answer_is_left_as_soon_as_it_is_too_large() -> None:
    endless = Stream(repeat(b"a" * 100))
    error = await failure(over(Inner(streamed(endless)), answer_bytes=1024).handle_async_request(request()))
    assert type(error) is UpstreamBadResponse
    assert endless.taken == 11
    assert endless.closed


PACKINGS = {"gzip": gzip.compress, "br": brotli.compress}


async def read_packed(encoding: str, *pieces: bytes, most: int = 100_000) -> bytes:
    body = Stream(pieces)
    transport = over(Inner(streamed(body, content_encoding=encoding)), answer_bytes=most)
    try:
        return (await transport.handle_async_request(request())).content
    finally:
        assert body.closed


@pytest.mark.parametrize("encoding", PACKINGS)
@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_a_packed_answer_is_read_unpacked(encoding: str, step: int) -> None:
    content = b'{"data": [%b]}' % b", ".join(b"%d" % (number**3) for number in range(300))
    packed = PACKINGS[encoding](content)
    pieces = [packed[place : place + step] for place in range(0, len(packed), step)]
    assert await read_packed(encoding, *pieces) == content
    assert await read_packed(encoding.upper(), b"", *pieces, b"") == content


@pytest.mark.parametrize("encoding", PACKINGS)
async def test_a_packed_answer_of_just_the_allowed_size_is_read_whole(encoding: str) -> None:
    packed = PACKINGS[encoding](bytes(100_000))
    assert await read_packed(encoding, packed) == bytes(100_000)
    error = await failure(read_packed(encoding, packed, most=99_999))
    assert "more than 99999 bytes" in error.message


@pytest.mark.parametrize("encoding", PACKINGS)
async def test_an_answer_that_is_cut_off_while_packed_is_refused(encoding: str) -> None:
    packed = PACKINGS[encoding](b'{"data": []}')
    for length in range(len(packed)):
        assert type(await failure(read_packed(encoding, packed[:length]))) is UpstreamBadResponse


@pytest.mark.parametrize("encoding", PACKINGS)
@pytest.mark.parametrize("apart", [True, False])
async def test_an_answer_with_more_behind_its_packed_end_is_refused(encoding: str, apart: bool) -> None:
    packed = PACKINGS[encoding](b'{"data": []}')
    for behind in (b"\0", b"{", packed):
        pieces = [packed, behind] if apart else [packed + behind]
        assert type(await failure(read_packed(encoding, *pieces))) is UpstreamBadResponse


@pytest.mark.parametrize("encoding", PACKINGS)
async def test_a_packed_answer_is_not_unpacked_beyond_what_is_allowed(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = PACKINGS[encoding](bytes(50_000_000))
    made = 0

    def counting(unpacker: body.Unpacker) -> body.Unpacker:
        take = unpacker.take

        def counted(data: bytes, most: int) -> bytes:
            nonlocal made
            part = take(data, most)
            made += len(part)
            return part

        return SimpleNamespace(take=counted, ended=False)  # type: ignore[return-value]

    watched = {name: lambda make=make: counting(make()) for name, make in body.UNPACKERS.items()}
    monkeypatch.setattr(body, "UNPACKERS", watched)
    assert type(await failure(read_packed(encoding, bomb))) is UpstreamBadResponse
    assert 100_000 < made <= 100_000 + body.BLOCK


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("br", brotli.compress),
        ("deflate", zlib.compress),
        ("gzip, gzip", lambda b: gzip.compress(gzip.compress(b))),
        ("gzip, br", lambda b: brotli.compress(gzip.compress(b))),
    ],
)
async def test_what_counts_is_the_size_of_an_answer_unpacked(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    error = await failure(read_packed(encoding, pack(bytes(1_000_000))))
    assert isinstance(error, UpstreamBadResponse)


async def read_whole(encoding: str, content: bytes, most: int = 100_000) -> bytes:
    unread = Stream(())
    response = Received(200, [(b"content-encoding", encoding.encode())], unread)
    response.whole = content
    try:
        return (await over(Inner(response), answer_bytes=most).handle_async_request(request())).content
    finally:
        assert not unread.closed  # as its connection is free already


@pytest.mark.parametrize("encoding", ["", "identity", *PACKINGS])
async def test_an_answer_that_came_as_a_whole_is_held_to_the_same(encoding: str) -> None:
    packed = PACKINGS.get(encoding, bytes)(bytes(100_000))
    assert await read_whole(encoding, packed) == bytes(100_000)
    error = await failure(read_whole(encoding, packed, most=99_999))
    assert "more than 99999 bytes" in error.message


@pytest.mark.parametrize("encoding", [*PACKINGS, "deflate", "gzip, br"])
async def test_a_whole_that_is_no_packed_answer_is_refused_too(encoding: str) -> None:
    packed = PACKINGS.get(encoding, zlib.compress)(b'{"data": []}')
    for odd in (packed[:-1], packed + b"{", b"", b"{}"):
        assert type(await failure(read_whole(encoding, odd))) is UpstreamBadResponse


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd"])
async def test_an_answer_that_cannot_be_unpacked_is_a_failure_of_its_source(encoding: str) -> None:
    error = await failure(read_packed(encoding, b"this is not packed at all"))
    assert isinstance(error, UpstreamError)
    assert error.source == "PACKAGEX"


# Room in the budget.


@jumping
async def test_a_call_waits_until_there_is_room() -> None:
    inner = Inner(ok())
    transport = over(inner, Budget(2, 60.0))
    for _ in range(3):
        await transport.handle_async_request(request())
    assert len(inner.requests) == 3
    assert asyncio.get_running_loop().time() == pytest.approx(60.0)


@jumping
async def test_a_call_that_cannot_get_room_in_its_time_says_when_to_come_again() -> None:
    inner = Inner(ok())
    transport = over(inner, Budget(1, 60.0))
    await transport.handle_async_request(request())
    with deadline.within(20.0):
        error = await failure(transport.handle_async_request(request()))
    assert type(error) is BudgetSpent
    assert error.retry_after == pytest.approx(60.0)
    assert asyncio.get_running_loop().time() == 0.0
    assert len(inner.requests) == 1


@jumping
async def test_many_who_wait_for_room_never_exceed_the_limit() -> None:
    sent_at: list[float] = []

    async def note(_: httpx.Request) -> httpx.Response:
        sent_at.append(asyncio.get_running_loop().time())
        return ok()

    transport = over(Inner(note), Budget(5, 10.0))
    await asyncio.gather(*(transport.handle_async_request(request()) for _ in range(23)))
    assert len(sent_at) == 23
    for start in sent_at:
        assert sum(start <= at < start + 10.0 for at in sent_at) <= 5


@jumping
async def test_background_work_leaves_half_of_the_room_to_callers() -> None:
    inner = Inner(ok())
    transport = over(inner, Budget(10, 60.0))
    with deadline.within(30.0, background=True):
        for _ in range(5):
            await transport.handle_async_request(request())
        error = await failure(transport.handle_async_request(request()))
    assert type(error) is BudgetSpent
    with deadline.within(30.0):
        for _ in range(5):
            await transport.handle_async_request(request())
        assert type(await failure(transport.handle_async_request(request()))) is BudgetSpent
    assert len(inner.requests) == 10


@jumping
async def test_a_source_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    inner = Inner(httpx.Response(429, headers={"retry-after": "17"}), ok())
    transport = over(inner)
    assert (await transport.handle_async_request(request())).status_code == 429
    assert (await transport.handle_async_request(request())).status_code == 200
    assert asyncio.get_running_loop().time() == pytest.approx(17.0)
    assert len(inner.requests) == 2


@pytest.mark.parametrize("header", [{}, {"retry-after": "soon"}, {"retry-after": "-5"}, {"retry-after": ""}])
@jumping
async def test_a_source_that_does_not_say_when_is_left_alone_for_a_minute(header: dict[str, str]) -> None:
    transport = over(Inner(httpx.Response(429, headers=header)))
    await transport.handle_async_request(request())
    with deadline.within(59.0):
        error = await failure(transport.handle_async_request(request()))
    assert type(error) is BudgetSpent
    assert error.retry_after == pytest.approx(60.0)


@jumping
async def test_a_source_that_may_be_asked_again_at_once_is() -> None:
    inner = Inner(httpx.Response(429, headers={"retry-after": "0"}), ok())
    assert (await over(inner).handle_async_request(request())).status_code == 200
    assert asyncio.get_running_loop().time() < 1.0


@jumping
async def test_no_source_locks_itself_out_for_more_than_an_hour() -> None:
    transport = over(Inner(httpx.Response(429, headers={"retry-after": "999999999"}), ok()))
    await transport.handle_async_request(request())
    await asyncio.sleep(3_601.0)
    with deadline.within(1.0):
        assert (await transport.handle_async_request(request())).status_code == 200


@jumping
async def test_a_lock_of_the_source_counts_although_there_is_no_limit_of_our_own() -> None:
    inner = Inner(httpx.Response(429, headers={"retry-after": "17"}))
    transport = over(inner, Budget(None, 60.0))
    await transport.handle_async_request(request())
    with deadline.within(5.0):
        assert type(await failure(transport.handle_async_request(request()))) is BudgetSpent
    assert len(inner.requests) == 1


@jumping
async def test_what_a_source_says_of_its_limit_is_believed_as_others_may_use_the_same_key() -> None:
    inner = Inner(ok(x_rate_limit="1"), ok(x_rate_limit="0"))
    transport = over(inner, Budget(180, 60.0))
    await transport.handle_async_request(request())
    await transport.handle_async_request(request())
    assert asyncio.get_running_loop().time() == 0.0
    await transport.handle_async_request(request())
    assert asyncio.get_running_loop().time() == pytest.approx(60.0)


@pytest.mark.parametrize("text", ["", "many", "-1", "1.5", "1e9", "180, 180", "9" * 5_000])
@jumping
async def test_a_limit_that_is_no_number_teaches_nothing(text: str) -> None:
    transport = over(Inner(httpx.Response(200, headers={"x-rate-limit": text})), Budget(5, 60.0))
    for _ in range(5):
        await transport.handle_async_request(request())
    assert asyncio.get_running_loop().time() == 0.0


def test_retry_after_is_a_number_of_seconds_or_a_date() -> None:
    def read(text: str) -> float | None:
        return retry_after(httpx.Response(503, headers={"retry-after": text}))

    assert read("120") == 120.0
    assert read("0") == 0.0
    assert read("9" * 400) is None
    assert read("Wed, 21 Oct 2020 07:28:00 GMT") == 0.0
    assert read("Tue, 21 Oct 2200 07:28:00 GMT") == 3_600.0
    assert read("Wed, 99 Oct 2026") is None
    dated = {"date": "Wed, 21 Oct 2026 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2026 07:28:20 GMT"}
    assert retry_after(httpx.Response(503, headers=dated)) == 20.0
    assert retry_after(httpx.Response(503)) is None


# Repeats.

DEAD = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


@pytest.mark.parametrize("kind", [*DEAD, httpx.ConnectError, httpx.ConnectTimeout])
async def test_a_read_is_repeated_when_its_connection_breaks(kind: type[Exception]) -> None:
    inner = Inner(kind("server disconnected"), ok())
    response = await over(inner).handle_async_request(request(safe=True))
    assert response.status_code == 200
    assert inner.requests == [inner.requests[0]] * 2


@pytest.mark.parametrize("kind", DEAD)
async def test_a_read_is_tried_three_times(kind: type[Exception]) -> None:
    inner = Inner(kind("server disconnected"))
    error = await failure(over(inner).handle_async_request(request(safe=True)))
    assert type(error) is UpstreamUnavailable
    assert len(inner.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_read_is_repeated_when_its_source_is_in_trouble(status: int) -> None:
    inner = Inner(httpx.Response(status), httpx.Response(status), ok())
    assert (await over(inner).handle_async_request(request())).status_code == 200
    assert len(inner.requests) == 3


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 405, 410, 422, 501])
async def test_an_answer_that_says_something_is_not_repeated(status: int) -> None:
    inner = Inner(httpx.Response(status), ok())
    assert (await over(inner).handle_async_request(request())).status_code == status
    assert len(inner.requests) == 1


@pytest.mark.parametrize(
    "play", [kind("gone") for kind in DEAD] + [httpx.Response(503, headers={"retry-after": "0"})]
)
async def test_a_write_is_never_repeated_once_it_may_have_left(play: Play) -> None:
    inner = Inner(play, ok())
    await asyncio.gather(over(inner).handle_async_request(request(safe=False)), return_exceptions=True)
    assert len(inner.requests) == 1


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout])
async def test_a_write_that_has_certainly_not_left_is_repeated(kind: type[Exception]) -> None:
    inner = Inner(kind("refused"), ok())
    assert (await over(inner).handle_async_request(request(safe=False))).status_code == 200
    assert len(inner.requests) == 2


async def test_a_request_that_says_nothing_of_repeats_is_not_repeated() -> None:
    inner = Inner(httpx.ReadError(""), ok())
    await failure(over(inner).handle_async_request(httpx.Request("GET", "http://source/")))
    assert len(inner.requests) == 1


@pytest.mark.parametrize("kind", [httpx.LocalProtocolError, httpx.UnsupportedProtocol])
async def test_a_request_that_cannot_be_sent_is_not_tried_again(kind: type[Exception]) -> None:
    inner = Inner(kind("illegal"), ok())
    assert isinstance(await failure(over(inner).handle_async_request(request())), UpstreamError)
    assert len(inner.requests) == 1


@jumping
async def test_repeats_wait_longer_each_time_by_a_part_that_is_thrown() -> None:
    sleeper = Sleeper()
    transport = over(Inner(httpx.Response(502)), sleep=sleeper, dice=0.5, attempts=5)
    await transport.handle_async_request(request())
    assert sleeper.slept == [pytest.approx(each) for each in (0.05, 0.1, 0.2, 0.4)]


@pytest.mark.parametrize("status", [429, 503])
@jumping
async def test_a_source_that_says_when_to_come_again_is_asked_again_then(status: int) -> None:
    inner = Inner(httpx.Response(status, headers={"retry-after": "4"}), ok())
    assert (await over(inner, seconds=10.0).handle_async_request(request())).status_code == 200
    assert asyncio.get_running_loop().time() == pytest.approx(4.0)


@pytest.mark.parametrize("status", [429, 503])
@jumping
async def test_what_would_take_longer_than_the_call_may_is_told_at_once(status: int) -> None:
    inner = Inner(httpx.Response(status, headers={"retry-after": "11"}), ok())
    assert (await over(inner, seconds=10.0).handle_async_request(request())).status_code == status
    assert asyncio.get_running_loop().time() == 0.0


async def test_when_most_calls_fail_few_are_repeated() -> None:
    inner = Inner(httpx.Response(502))
    transport = over(inner, failures=1_000_000)
    for _ in range(100):
        await transport.handle_async_request(request())
    assert len(inner.requests) <= 100 + 10 + 20


# While a source is down.


@jumping
async def test_a_source_that_keeps_failing_is_left_alone() -> None:
    inner = Inner(httpx.Response(502))
    transport = over(inner, attempts=1)
    for _ in range(5):
        await transport.handle_async_request(request())
    error = await failure(transport.handle_async_request(request()))
    assert (type(error), error.retry_after) == (UpstreamUnavailable, pytest.approx(1.0))
    assert len(inner.requests) == 5


@jumping
async def test_it_is_asked_by_one_probe_then_and_the_others_wait_for_what_becomes_of_it() -> None:
    under_way, most = 0, []

    async def slowly(_: httpx.Request) -> httpx.Response:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return ok()

    transport = over(Inner(*[httpx.Response(502)] * 5, slowly), attempts=1, at_once=50)
    for _ in range(5):
        await transport.handle_async_request(request())
    await asyncio.sleep(1.0)
    answers = await asyncio.gather(*(transport.handle_async_request(request()) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert most[0] == 1
    assert max(most[:4]) <= 4


@jumping
async def test_a_probe_that_hangs_costs_the_others_a_moment_only() -> None:
    transport = over(Inner(*[httpx.Response(502)] * 5, never), attempts=1, seconds=10.0)
    for _ in range(5):
        await transport.handle_async_request(request())
    await asyncio.sleep(1.0)
    probe = asyncio.create_task(failure(transport.handle_async_request(request())))
    await asyncio.sleep(0)
    assert type(await failure(transport.handle_async_request(request()))) is UpstreamUnavailable
    assert asyncio.get_running_loop().time() == pytest.approx(1.5)
    assert type(await probe) is UpstreamTimeout
    assert (await failure(transport.handle_async_request(request()))).retry_after == pytest.approx(2.0)


@jumping
async def test_writes_that_fail_do_not_stop_reads() -> None:
    transport = over(Inner(*[httpx.ReadError("")] * 5, ok()), attempts=1)
    for _ in range(5):
        await failure(transport.handle_async_request(request(safe=False)))
    assert type(await failure(transport.handle_async_request(request(safe=False)))) is UpstreamUnavailable
    assert (await transport.handle_async_request(request(safe=True))).status_code == 200


@jumping
async def test_a_write_that_is_not_sent_is_certain() -> None:
    transport = over(Inner(httpx.ReadError("")), attempts=1)
    for _ in range(5):
        await failure(transport.handle_async_request(request(safe=False)))
    assert (await failure(transport.handle_async_request(request(safe=False)))).uncertain is False


@jumping
async def test_callers_who_go_away_say_nothing_of_a_source() -> None:
    transport = over(Inner(never), attempts=1)
    for _ in range(20):
        call = asyncio.create_task(transport.handle_async_request(request()))
        await asyncio.sleep(0.1)
        call.cancel()
        await asyncio.wait((call,))
    assert not transport.gates["read"].shut
    assert transport.slots.taken == 0


# Many at once.


@jumping
async def test_no_more_than_allowed_are_under_way_at_once() -> None:
    under_way, most = 0, 0

    async def slowly(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(1.0)
        under_way -= 1
        return ok()

    transport = over(Inner(slowly), at_once=3)
    await asyncio.gather(*(transport.handle_async_request(request()) for _ in range(10)))
    assert (most, transport.slots.taken, transport.waiting) == (3, 0, 0)


@jumping
async def test_what_does_not_fit_into_the_queue_is_refused_at_once() -> None:
    transport = over(Inner(never), at_once=1, queued=2)
    calls = [asyncio.create_task(transport.handle_async_request(request())) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    error = await failure(transport.handle_async_request(request()))
    assert (error.code, error.retryable, error.source) == ("OVERLOADED", True, "PACKAGEX")
    assert asyncio.get_running_loop().time() == 0.0
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert (transport.slots.taken, transport.waiting) == (0, 0)


@jumping
async def test_one_operation_with_many_calls_does_not_keep_another_waiting() -> None:
    order: list[str] = []

    async def slowly(sent: httpx.Request) -> httpx.Response:
        order.append(sent.extensions["operation"])
        await asyncio.sleep(1.0)
        return ok()

    transport = over(Inner(slowly), at_once=1)

    async def operation(name: str, calls: int) -> None:
        with deadline.within(100.0):
            sent = (transport.handle_async_request(request(operation=name)) for _ in range(calls))
            await asyncio.gather(*sent)

    many = asyncio.create_task(operation("many", 20))
    await asyncio.sleep(0.5)
    await operation("few", 2)
    await many
    assert order.index("few") <= 2
    assert order[:6].count("few") == 2


@jumping
async def test_a_repeat_gets_no_time_of_its_own() -> None:
    async def dies(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3.0)
        raise httpx.ReadError("")

    error = await failure(over(Inner(dies, never), seconds=4.0).handle_async_request(request()))
    assert type(error) is UpstreamTimeout
    assert asyncio.get_running_loop().time() == pytest.approx(4.0)


async def test_a_redirect_is_not_followed() -> None:
    inner = Inner(httpx.Response(302, headers={"location": "http://elsewhere/"}))
    assert (await over(inner).handle_async_request(request())).status_code == 302
    assert len(inner.requests) == 1


# Failures.

NETWORK = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.PoolTimeout,
    httpx.CloseError,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    *DEAD,
]


@pytest.mark.parametrize("kind", NETWORK)
async def test_no_httpx_error_gets_through_and_none_is_quoted(kind: type[httpx.RequestError]) -> None:
    broken = kind(f"Illegal header value b'{SECRET}' to http://internal.example/?token=1", request=request())
    error = await failure(over(Inner(broken)).handle_async_request(request()))
    assert isinstance(error, UpstreamError)
    assert error.code in {"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT"}
    assert error.source == "PACKAGEX"
    assert error.__cause__ is None
    for part in (SECRET, "internal.example", "Illegal"):
        assert part not in shown(error)


@pytest.mark.parametrize("broken", [httpx.ReadError("gone"), httpx.RemoteProtocolError("incomplete")])
async def test_an_answer_that_breaks_off_is_a_failure_and_is_closed(broken: Exception) -> None:
    body = Stream([b'{"data": ['], broken=broken)
    inner = Inner(streamed(body))
    error = await failure(over(inner, attempts=1).handle_async_request(request()))
    assert type(error) is UpstreamUnavailable
    assert body.closed


@jumping
async def test_a_call_that_is_cancelled_closes_what_it_was_reading() -> None:
    drip = Stream(repeat(b"x"), pause=1.0)
    call = asyncio.create_task(over(Inner(streamed(drip)), seconds=100.0).handle_async_request(request()))
    await asyncio.sleep(2.5)
    call.cancel()
    await asyncio.wait((call,))
    assert call.cancelled()
    assert drip.closed


async def test_closing_it_closes_the_connections_below() -> None:
    inner = Inner(ok())
    await over(inner).aclose()
    assert inner.closed


# Events.


@jumping
async def test_each_call_is_told_with_its_operation_status_and_time() -> None:
    slow = Stream([b"{}"], pause=1.25)
    (told,) = await heard(over(Inner(streamed(slow, 404))), request(operation="getChannel"))
    assert isinstance(told, events.UpstreamCalled)
    assert (told.source, told.operation, told.status, told.error) == ("PACKAGEX", "getChannel", 404, None)
    assert told.seconds == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (httpx.ConnectError(""), None, "UPSTREAM_UNAVAILABLE"),
        (never, None, "UPSTREAM_TIMEOUT"),
        (lambda _: _answered(Stream(repeat(b"x"), pause=1.0)), 200, "UPSTREAM_TIMEOUT"),
        (lambda _: _answered(Stream(repeat(b"x" * 999))), 200, "UPSTREAM_BAD_RESPONSE"),
        (lambda _: _answered(Stream([b"x"], broken=httpx.ReadError(""))), 200, "UPSTREAM_UNAVAILABLE"),
    ],
)
@jumping
async def test_a_call_that_fails_is_told_with_its_code(play: Play, status: int | None, code: str) -> None:
    (told,) = await heard(over(Inner(play), answer_bytes=2_000, seconds=5.0, attempts=1), request())
    assert isinstance(told, events.UpstreamCalled)
    assert (told.status, told.error) == (status, code)


async def _answered(stream: Stream) -> httpx.Response:
    return streamed(stream)


@jumping
async def test_a_call_that_is_never_sent_is_told_as_refused() -> None:
    transport = over(Inner(ok()), Budget(1, 60.0))
    assert len(await heard(transport, request())) == 1
    with deadline.within(5.0):
        (told,) = await heard(transport, request())
    assert isinstance(told, events.UpstreamRefused)
    assert (told.error, told.operation) == ("UPSTREAM_RATE_LIMITED", "getContact")


@jumping
async def test_a_call_that_nobody_waits_for_any_more_is_told_as_such() -> None:
    told: list[events.Event] = []
    with events.heard_by(told.append):
        call = asyncio.create_task(over(Inner(never)).handle_async_request(request()))
        await asyncio.sleep(1.0)
        call.cancel()
        await asyncio.wait((call,))
    (event,) = told
    assert isinstance(event, events.UpstreamCalled)
    assert (event.cancelled, event.status, event.error) == (True, None, None)


@jumping
async def test_a_source_that_says_when_it_is_back_is_left_alone_until_then() -> None:
    inner = Inner(httpx.Response(503, headers={"retry-after": "20"}), ok())
    transport = over(inner, seconds=10.0)
    assert (await transport.handle_async_request(request())).status_code == 503
    error = await failure(transport.handle_async_request(request()))
    assert (type(error), error.retry_after) == (UpstreamUnavailable, pytest.approx(20.0))
    await asyncio.sleep(20.0)
    assert (await transport.handle_async_request(request())).status_code == 200


@jumping
async def test_who_waits_is_told_when_the_source_closes_for_longer_than_there_is_time() -> None:
    inner = Inner(ok())
    transport = over(inner, Budget(1, 60.0))
    await transport.handle_async_request(request())

    async def waits() -> GatewayError:
        with deadline.within(70.0):
            return await failure(transport.handle_async_request(request()))

    waiting = asyncio.create_task(waits())
    await asyncio.sleep(10.0)
    transport.purse.budget.told_to_wait(100.0, 10.0)
    transport.purse._woken.set()
    error = await waiting
    assert (type(error), asyncio.get_running_loop().time()) == (BudgetSpent, pytest.approx(10.0))
    assert error.retry_after == pytest.approx(100.0)


async def test_an_answer_that_is_not_what_was_agreed_is_told_with_its_code() -> None:
    def odd(_: httpx.Response) -> None:
        raise UpstreamBadResponse("PACKAGEX", "odd")

    sent = request()
    sent.extensions["check"] = odd
    (told,) = await heard(over(Inner(ok())), sent)
    assert isinstance(told, events.UpstreamCalled)
    assert (told.status, told.error) == (200, "UPSTREAM_BAD_RESPONSE")

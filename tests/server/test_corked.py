"""The head of an answer goes out with its body."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateway.server.corked import COPIED, Corked

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
BODY = b"body"


class Wire:
    """A transport that keeps what is written, each time by itself."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.written.append(list(parts))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def corked(wire: Wire) -> Corked:
    return Corked(wire)


def test_a_head_waits_for_its_body(wire: Wire, corked: Corked) -> None:
    corked.write(HEAD)
    assert wire.written == []
    corked.write(BODY)
    corked.write(b"more")
    assert wire.written == [HEAD + BODY, b"more"]


def test_a_large_body_is_not_copied(wire: Wire, corked: Corked) -> None:
    large = b"x" * (COPIED + 1)
    corked.write(HEAD)
    corked.write(large)
    assert wire.written == [[HEAD, large]]
    assert wire.written[0][1] is large


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"",
        b"data: {}\r\n\r\n",
        memoryview(b"HTTP of another kind"),
    ],
)
def test_what_no_body_follows_is_not_held_back(data: bytes, wire: Wire, corked: Corked) -> None:
    corked.write(data)
    assert wire.written == [bytes(data)]


def test_a_head_without_a_body_goes_out_at_the_end(wire: Wire, corked: Corked) -> None:
    corked.write(HEAD)
    corked.flush()
    corked.flush()
    assert wire.written == [HEAD]


def test_what_is_held_back_goes_out_before_the_end(wire: Wire, corked: Corked) -> None:
    corked.write(HEAD)
    assert not corked.is_closing()
    corked.close()
    assert wire.written == [HEAD]
    assert corked.is_closing()


def test_all_else_is_that_of_the_transport(corked: Corked) -> None:
    assert corked.get_extra_info("peername") == "peername"

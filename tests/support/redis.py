"""A real Redis on loopback, for what replicas share; Debian's package, see tools/packages.sh."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import redis as client
from redis.backoff import ConstantBackoff
from redis.retry import Retry

PATIENCE = 20.0


@dataclass
class RedisServer:
    """A server that can be stopped, started again on the same port, and held up."""

    binary: str
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen([self.binary, *options], stdout=subprocess.DEVNULL)
        with self._client() as asked:
            asked.ping()

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process = None

    def hold(self) -> None:
        """Answer nothing from now on, with connections open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        with self._client() as asked:
            asked.flushall()

    def _client(self) -> client.Redis:
        retry = Retry(ConstantBackoff(0.05), int(PATIENCE / 0.05))
        return client.Redis(port=self.port, retry=retry, retry_on_error=[client.ConnectionError])


@contextmanager
def running() -> Iterator[RedisServer]:
    """A server of one's own."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        if os.environ.get("CI"):
            raise AssertionError("redis-server is missing: install Debian's package of that name")
        pytest.skip("redis-server is missing: install Debian's package of that name")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = RedisServer(binary, port)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.go_on()
            server.stop()

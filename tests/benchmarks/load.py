"""A small HTTP/1.1 load generator: so many requests over so many kept-alive connections."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any


def request(
    port: int, query: str, variables: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a POST."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"accept: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(
    port: int, requests: Sequence[bytes], count: int, connections: int
) -> tuple[list[float], bytes]:
    """Send `count` requests; the seconds that each took, and the last answer's body."""
    loop = asyncio.get_running_loop()
    numbers = iter(range(count))
    seconds: list[float] = []
    last = b""

    async def work() -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            started = loop.time()
            writer.write(requests[number % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            last = await reader.readexactly(length)
            seconds.append(loop.time() - started)
            if not head.startswith(b"HTTP/1.1 200") or b'"errors"' in last:
                raise RuntimeError(last[:500])
        writer.close()
        await writer.wait_closed()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(work())
    return seconds, last

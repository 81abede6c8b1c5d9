"""Runs ASGI applications in one process until SIGINT or SIGTERM, and ends them in order."""

import asyncio
import contextlib
import math
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from gateway.allowances import Intake
from gateway.server import tidying, upgraded
from gateway.server.protocol import guarded

EMULATOR_SECONDS: Final = 1
GRACE_SECONDS: Final = 30
KEEP_ALIVE_SECONDS: Final = 65
WS_BYTES: Final = 1024 * 1024  # of one message
BACKLOG: Final = 2_048
HANDLES: Final = 16  # of a listening socket: uvloop takes one connection for each in a turn of the event loop
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What the outside is held to: sizes and times of requests, and the proxies whose word on the address of
    a client is taken. `told` hears the name of each bound that was met, `closing` is called when the end
    begins.
    """

    intake: Intake
    proxies: tuple[str, ...] = ()
    told: Callable[[str], None] = lambda _: None
    closing: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Course:
    """How a run is steered from elsewhere, on its event loop: `end` as SIGTERM does, `end_now` as a second
    one does, `hang_up` as SIGHUP does.
    """

    end: Callable[[], None]
    end_now: Callable[[], None]
    hang_up: Callable[[], None]


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `run`, which ends several of them in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, port))
    return found


def handles(found: socket.socket) -> list[socket.socket]:
    """A listening socket, and more handles of it: new callers and probes would else wait for as many turns of
    a busy event loop as there are connections before them.
    """
    return [found, *(found.dup() for _ in range(HANDLES - 1))]


def address(found: socket.socket) -> str:
    """The address of a listening socket as a URL."""
    host, port = found.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    apps: Sequence[tuple[ASGIApp, socket.socket]],
    ready: Callable[[], None],
    *,
    grace: float = GRACE_SECONDS,
    hang_up: Callable[[], None] = lambda: None,
    guard: Guard | None = None,
    led: Callable[[Course], None] | None = None,
) -> bool:
    """Serve every application on its socket; the last one is the first to end, and `guard` is for it alone.

    `ready` is called once all of them answer, `hang_up` on SIGHUP. After SIGINT or SIGTERM nothing new is
    taken, and what is under way has `grace` seconds; a second signal ends it. Returns whether all of them
    could be started.

    A run that is `led` is steered by another process. Of signals it heeds SIGTERM alone, however often it
    comes: a service manager sends it to every process there is, and so does the one that leads.
    """
    no_core_dumps()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(apps, ready, grace, hang_up, guard, led=led))


def no_core_dumps() -> None:
    """Let a crash leave no image of the process, which would hold every key."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


async def _run(
    apps: Sequence[tuple[ASGIApp, socket.socket]],
    ready: Callable[[], None],
    grace: float,
    hang_up: Callable[[], None],
    guard: Guard | None,
    *,
    led: Callable[[Course], None] | None,
) -> bool:
    stop = asyncio.Event()
    *behind, _ = apps
    graces = (
        *([EMULATOR_SECONDS] * len(behind)),
        grace,
    )  # nobody waits for an emulator that hangs on purpose
    servers = [Server(chosen(app, each)) for (app, _), each in zip(apps, graces, strict=True)]
    if guard is not None:
        servers[-1] = Server(chosen(apps[-1][0], grace, guard))

    def end() -> None:
        stop.set()
        if guard is not None:
            guard.closing()

    def end_now() -> None:
        for server in servers:
            server.force_exit = True
        end()

    _heed(Course(end, end_now, hang_up), stop.is_set, led)
    tasks = [
        asyncio.create_task(server.serve(sockets=handles(found)))
        for server, (_, found) in zip(servers, apps, strict=True)
    ]
    stopped = asyncio.create_task(stop.wait())
    beside: list[asyncio.Task[Any]] = [stopped]
    while not all(server.started for server in servers):
        if any(task.done() for task in tasks):
            break
        await asyncio.sleep(0.01)
    else:
        tidying.begin()
        beside.append(asyncio.create_task(tidying.tidy()))
        ready()
        await asyncio.wait((stopped, *tasks), return_when=asyncio.FIRST_COMPLETED)
    for each in beside:
        each.cancel()
    servers[-1].should_exit = True
    await tasks[-1]
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)
    return all(server.started for server in servers)


def _heed(course: Course, ending: Callable[[], bool], led: Callable[[Course], None] | None) -> None:
    """Let signals, or whoever leads, steer the run."""
    loop = asyncio.get_running_loop()
    if led is not None:
        loop.add_signal_handler(signal.SIGTERM, course.end)
        led(course)
        return
    for number in SIGNALS:
        loop.add_signal_handler(number, lambda: course.end_now() if ending() else course.end())
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, course.hang_up)


def chosen(app: ASGIApp, grace: float, guard: Guard | None = None) -> uvicorn.Config:
    """How uvicorn serves an application."""
    proxies = list(guard.proxies) if guard is not None else []
    return uvicorn.Config(
        app,
        http="httptools" if guard is None else guarded(guard.intake, guard.told),
        ws="none" if guard is None else upgraded.guarded(guard.intake, guard.told),
        ws_per_message_deflate=False,  # it costs each connection 300 KB
        ws_max_size=WS_BYTES if guard is None else guard.intake.body_bytes,
        loop="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, math.ceil(grace)),
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

"""`gateway serve --workers`: several processes on one port, begun, watched and ended by uvicorn's supervisor.

Each is a replica of its own, which shares with the others through Redis. The supervisor serves nothing, and
tells each worker over a pipe what it is to do, as a signal may reach a worker from a terminal or a service
manager as well, and would count twice. A worker whose supervisor is gone ends.
"""

import asyncio
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess, Process

from gateway import config
from gateway.config import BadSetting, Config
from gateway.journal.owner import NotOurs, temporary
from gateway.server import running
from gateway.server.running import Course
from gateway.server.siblings import Worker
from gateway.telemetry import logs

PING: Final = b"ping"
HANG_UP: Final = b"hang up"
END_NOW: Final = b"end now"
HERE: Final = b"here"
OURS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
FROM_TERMINALS: Final = (signal.SIGINT, signal.SIGHUP)  # reach every process there
FOLDER: Final = "workers-"
BAD_SETTING: Final = 2
LOOK_SECONDS: Final = 0.05  # between two looks at whether those that begin have begun
PATIENCE: Final = 60  # looks of the supervisor, two a second, for which an event loop may stand still
LONGEST_PAUSE: Final = 30.0  # before a worker that could not begin is begun again


@dataclass(frozen=True, slots=True)
class Begun:
    """What a worker is begun with. It reads the settings itself, as keys may have changed meanwhile."""

    worker: Worker
    settings: Mapping[str, str]


@dataclass(slots=True)
class Watch:
    """When the process of a worker hangs, and when another one is begun in its place. It is told the time."""

    unanswered: int = 0
    failed: int = 0  # times in a row that it could not begin
    due: float | None = None  # when it is begun; None while it runs

    def asked(self) -> bool:
        """It is about to be asked for an answer. Returns whether it hangs."""
        self.unanswered += 1
        return self.unanswered > PATIENCE

    def ended(self, now: float, *, served: bool) -> None:
        """It has ended, after it had `served`, or else could not begin: then there is a growing pause."""
        self.failed = 0 if served else self.failed + 1
        self.due = now + (min(LONGEST_PAUSE, 2.0 ** (self.failed - 1)) if self.failed else 0.0)

    def begins(self, now: float) -> bool:
        """Whether it is time to begin it."""
        if self.due is None or now < self.due:
            return False
        self.due, self.unanswered = None, 0
        return True


class Served(Process):
    """A worker, and the pipe to it; `ready` once it has answered."""

    def __init__(
        self, chosen: uvicorn.Config, sockets: list[socket.socket], begun: Begun, watch: Watch
    ) -> None:
        super().__init__(chosen, sockets)
        self.begun = begun
        self.ready = False
        self.watch = watch

    @property
    def number(self) -> int:
        """Its place among the workers."""
        return self.begun.worker.number

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, in the process of the worker."""
        self.parent_conn.close()  # else the end of the supervisor would not be seen
        (listening,) = sockets or []
        sys.exit(_serve(self.begun, listening, self._follow, self._say_here))

    def start(self) -> None:
        """Begin it, closed to what terminals send."""
        resource_tracker.ensure_running()  # which opens them again when it begins
        before = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.child_conn.close()

    def terminate(self) -> None:
        """Begin its end."""
        self.process.terminate()

    def tell(self, order: bytes) -> None:
        """Tell it something, where it still listens."""
        with suppress(OSError):
            self.parent_conn.send_bytes(order)

    def listen(self) -> None:
        """Hear what it has said."""
        with suppress(EOFError, OSError):
            while self.parent_conn.poll():
                self.parent_conn.recv_bytes()
                self.ready, self.watch.unanswered = True, 0

    def _say_here(self) -> None:
        with suppress(OSError):  # a supervisor that is gone
            self.child_conn.send_bytes(HERE)

    def _follow(self, course: Course) -> None:
        """Do what the supervisor says, in the process of the worker."""
        loop = asyncio.get_running_loop()
        orders = {PING: self._say_here, HANG_UP: course.hang_up, END_NOW: course.end_now}

        def heed() -> None:
            with suppress(RuntimeError):  # the loop has ended
                try:
                    while True:
                        loop.call_soon_threadsafe(orders[self.child_conn.recv_bytes()])
                except (EOFError, OSError):
                    loop.call_soon_threadsafe(course.end)

        threading.Thread(target=heed, name="supervisor", daemon=True).start()


class Workers(Multiprocess):
    """Begins the workers, begins those anew that have ended, and ends all of them."""

    def __init__(
        self, listening: socket.socket, begun: Sequence[Begun], level: str, ready: Callable[[], None]
    ) -> None:
        chosen = uvicorn.Config("gateway.workers", workers=len(begun), log_config=None)
        super().__init__(chosen, [listening])
        for number in SIGNALS.keys() - OURS:
            signal.signal(number, signal.SIG_DFL)
        self.status = 0
        self._begun = begun
        self._level = level
        self._debug = False
        self._tell_ready = ready
        self._served: list[Served] = []

    def init_processes(self) -> None:
        """Begin the first, then the others: what no worker can begin with is told once."""
        first, *others = self._begun
        for some in ([first], others):
            self._served += [self._begin(each, Watch()) for each in some]
            while not self._all_ready():
                self.handle_signals()
                if self.should_exit.is_set():
                    return
                ended = [each for each in self._served if each.exitcode is not None]
                if ended:
                    self._fail(ended[0])
                    return
                time.sleep(LOOK_SECONDS)
        self._tell_ready()

    def keep_subprocess_alive(self) -> None:
        """Begin those anew that have ended or hang."""
        for place, served in enumerate(self._served):
            if self.should_exit.is_set():
                return
            was_ready = served.ready
            served.listen()
            if served.exitcode is not None:
                self._replace(place)
            elif not served.ready:
                continue
            elif not was_ready:
                logs.worker_begun(served.number)
            elif served.watch.asked():
                logs.worker_hangs(served.number)
                served.kill()
            else:
                served.tell(PING)

    def terminate_all(self) -> None:
        """Take nothing new from now on, and begin the end of all workers."""
        for listening in self.sockets:
            listening.close()
        for served in self._served:
            served.terminate()

    def join_all(self) -> None:
        """Wait for the end of all workers; signals still count."""
        while any(served.exitcode is None for served in self._served):
            self.handle_signals()
            time.sleep(LOOK_SECONDS)

    def handle_term(self) -> None:
        """End, or end now where the end has begun."""
        if self.should_exit.is_set():
            for served in self._served:
                served.tell(END_NOW)
        self.should_exit.set()

    handle_int = handle_term

    def handle_hup(self) -> None:
        """Write everything, or again what the settings say, in all workers."""
        self._debug = not self._debug
        logs.toggle(self._level)
        for served in self._served:
            served.tell(HANG_UP)

    def _begin(self, begun: Begun, watch: Watch) -> Served:
        served = Served(self.config, self.sockets, begun, watch)
        served.start()
        if self._debug:
            served.tell(HANG_UP)  # heard once it has begun
        return served

    def _all_ready(self) -> bool:
        for served in self._served:
            served.listen()
        return all(served.ready for served in self._served)

    def _replace(self, place: int) -> None:
        """Begin one in the place of another."""
        ended, now = self._served[place], time.monotonic()
        watch = ended.watch
        if watch.due is None:
            logs.worker_ended(ended.number, ended.exitcode or 0)
            watch.ended(now, served=ended.ready)
            if watch.failed and not any(each.ready and each.exitcode is None for each in self._served):
                self._fail(ended)
        if watch.begins(now):
            self._served[place] = self._begin(ended.begun, watch)

    def _fail(self, served: Served) -> None:
        """End, as a worker could not begin, and there is none that serves."""
        self.status = served.exitcode if served.exitcode in {1, BAD_SETTING} else 1
        self.should_exit.set()


def run(
    chosen: Config, settings: Mapping[str, str], listening: socket.socket, ready: Callable[[], None]
) -> int:
    """Serve with several workers until a signal, or until none can be begun. The exit status."""
    running.no_core_dumps()
    with _meeting() as folder:
        kept = chosen.data_dir or folder
        begun = [
            Begun(Worker(number, chosen.workers, folder, kept), settings)
            for number in range(1, chosen.workers + 1)
        ]
        workers = Workers(listening, begun, chosen.log_level, ready)
        workers.run()
    return workers.status


@contextmanager
def _meeting() -> Iterator[Path]:
    """A folder in which the workers find each other."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=temporary()))
    except NotOurs as error:
        raise BadSetting(f"{error} Take it away, or set TMPDIR.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(
    begun: Begun, listening: socket.socket, follow: Callable[[Course], None], ready: Callable[[], None]
) -> int:
    """Be a worker. The exit status, which is that of a gateway that serves alone."""
    from gateway.app import create_app, guard
    from gateway.terminal import complain

    def read() -> Config:
        return config.read(begun.settings).of_worker(begun.worker.number)

    try:
        chosen = read()
        logs.configure(chosen.log_level, chosen.log_format, worker=begun.worker.number)
        app = create_app(chosen, reread=read, worker=begun.worker)
        started = running.run(
            [(app, listening)],
            ready=ready,
            grace=chosen.grace_seconds,
            hang_up=lambda: logs.toggle(chosen.log_level),
            guard=guard(chosen, app),
            led=follow,
        )
    except BadSetting as error:
        complain(str(error))
        return BAD_SETTING
    except OSError as error:
        complain(f"{error.strerror or type(error).__name__}: {running.address(listening)}")
        return 1
    return 0 if started else 1

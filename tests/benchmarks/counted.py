"""A gateway that counts what it carries out, from one SIGUSR2 to the next, and then writes it to $COUNTED."""

import json
import os
import signal
import sys
from collections import Counter
from types import CodeType, FrameType
from typing import Any

from gateway import cli


class Counting:
    """Counts instructions and calls by the code that they are of, and the calls of what is written in C."""

    def __init__(self) -> None:
        self.on = False
        self.instructions: Counter[CodeType] = Counter()
        self.calls: Counter[CodeType] = Counter()
        self.built_in: Counter[str] = Counter()

    def turn(self, *_: object) -> None:
        """Begin, or end and write down what was counted."""
        self.on = not self.on
        sys.settrace(self._entered if self.on else None)
        sys.setprofile(self._called if self.on else None)
        if not self.on:
            self._write()

    def _entered(self, frame: FrameType, *_: object) -> Any:
        self.calls[frame.f_code] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            self.instructions[frame.f_code] += 1
        return self._stepped

    def _called(self, _: FrameType, event: str, what: object) -> None:
        if event == "c_call":
            self.built_in[getattr(what, "__qualname__", "?")] += 1

    def _write(self) -> None:
        functions = [
            (code.co_filename, code.co_qualname, steps, self.calls[code])
            for code, steps in self.instructions.items()
        ]
        written = os.environ["COUNTED"]
        with open(f"{written}.new", "w", encoding="utf-8") as file:
            json.dump({"functions": functions, "builtIn": self.built_in}, file)
        os.replace(f"{written}.new", written)
        for counter in (self.instructions, self.calls, self.built_in):
            counter.clear()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, Counting().turn)
    sys.exit(cli.main())

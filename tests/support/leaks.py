"""Reads every line that is logged while the tests run, and finds what must not stand in one."""

import json
import logging
import re
from typing import Final

from gateway.telemetry import logs

# Keys of sources, e-mails, and phones: of everybody, not only of the people in the emulators.
FORBIDDEN: Final = re.compile(
    r"sandbox-key|key-7Jq2|[\w.+-]+@[\w-]+\.[a-z]{2,}|\+[1-9]\d{7,14}\b", re.IGNORECASE
)


class Watch(logging.Handler):
    """Keeps the lines with something forbidden."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []
        self._formatter = logs.JsonLines()

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line as it would be written."""
        line = self._formatter.format(record)
        if FORBIDDEN.search(line):
            self.found.append(line)


def in_output(lines: list[str]) -> list[str]:
    """The log lines of a process with something forbidden in them."""
    return [line for line in lines if _is_log(line) and FORBIDDEN.search(line)]


def _is_log(line: str) -> bool:
    try:
        return "event" in json.loads(line)
    except (ValueError, TypeError):
        return bool(re.match(r"\d{4}-\d\d-\d\dT\S+Z \w+ ", line))

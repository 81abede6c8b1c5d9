"""The systems of record."""

from enum import StrEnum
from typing import Final


class Source(StrEnum):
    """A system of record; the order here is the order in which lists are interleaved."""

    SAMESPACE = "SAMESPACE"
    PACKAGEX = "PACKAGEX"
    SMART_SENDER = "SMART_SENDER"


SOURCES: Final = tuple(Source)  # iterating over the class takes much longer

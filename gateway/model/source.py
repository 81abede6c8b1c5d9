"""The systems of record."""

from enum import StrEnum


class Source(StrEnum):
    """A system of record; the order here is the order in which lists are interleaved."""

    SAMESPACE = "SAMESPACE"
    PACKAGEX = "PACKAGEX"
    SMART_SENDER = "SMART_SENDER"

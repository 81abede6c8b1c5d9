"""What stands in an answer before it is written."""

from collections.abc import Mapping
from typing import Any

from gateway.engine.compiled.telling import Written


def read(value: Any) -> Any:
    """The data of an answer, with all lists that are JSON already read."""
    if isinstance(value, Written):
        return value.read()
    if isinstance(value, list):
        return [read(each) for each in value]
    if isinstance(value, Mapping):
        return {key: read(each) for key, each in value.items()}
    return value

"""Where Samespace is. Its rate limit is undocumented (samespace.md, Transport), so none is set."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.upstreams import declare

PREFIX: Final = "SAMESPACE"
KEY: Final = "SAMESPACE_API_KEY"
SETTINGS: Final = declare.settings(PREFIX, title="Samespace", key=KEY, url="", rate="off")


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of Samespace."""
    return declare.read(PREFIX, KEY, values)

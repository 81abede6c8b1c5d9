"""Where Smart Sender is. It allows 180 requests a minute and locks for longer with every excess."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.upstreams import declare

PREFIX: Final = "SMART_SENDER"
KEY: Final = "SMART_SENDER_TOKEN"
ADDRESS: Final = "https://api.smartsender.com/v1"
SETTINGS: Final = declare.settings(PREFIX, title="Smart Sender", key=KEY, url=ADDRESS, rate="180/60")


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of Smart Sender."""
    return declare.read(PREFIX, KEY, values)

"""Where Smart Sender is. It allows 180 requests a minute and locks for longer with every excess."""

from collections.abc import Mapping
from typing import Any, Final

from gateway import setting
from gateway.setting import Setting
from gateway.upstreams import declare

PREFIX: Final = "SMART_SENDER"
KEY: Final = "SMART_SENDER_TOKEN"
ADDRESS: Final = "https://api.smartsender.com/v1"
MERGE_PATH: Final = "SMART_SENDER_MERGE_PATH"
DELETE: Final = "SMART_SENDER_DELETE"
INTO: Final = "{contactId}"
GONE: Final = "{targetContactId}"


def merge_path(value: str) -> tuple[str, ...]:
    """A path below the address with a place for both contacts."""
    parts = tuple(part for part in value.strip().split("/") if part)
    if parts.count(INTO) != 1 or parts.count(GONE) != 1 or not set(parts).isdisjoint({".", ".."}):
        raise ValueError(f"has to be a path with {INTO} and {GONE} as parts of it")
    return parts


SETTINGS: Final = (
    *declare.settings(PREFIX, title="Smart Sender", key=KEY, url=ADDRESS, rate="180/60"),
    Setting(
        MERGE_PATH,
        merge_path,
        "/contacts/{contactId}/merge/{targetContactId}",
        "Where Smart Sender unites two contacts; its documents do not say. The target is used up.",
    ),
    Setting(
        DELETE,
        setting.yes_no,
        "true",
        "Whether contacts of Smart Sender may be deleted; the vendor calls that deprecated.",
    ),
)


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of Smart Sender."""
    return declare.read(PREFIX, KEY, values, MERGE_PATH, DELETE)

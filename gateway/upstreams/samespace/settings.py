"""Where Samespace is. Its rate limit is undocumented (samespace.md, Transport), so none is set."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.setting import Setting
from gateway.upstreams import declare

PREFIX: Final = "SAMESPACE"
KEY: Final = "SAMESPACE_API_KEY"
MERGE_KEYS: Final = "SAMESPACE_IMPORT_MERGE_KEYS"
IMPORT_SECONDS: Final = declare.import_seconds(PREFIX, "Samespace")


def keys(value: str) -> tuple[str, ...]:
    """Property keys, separated by commas."""
    return tuple(key.strip() for key in value.split(",") if key.strip())


SETTINGS: Final = (
    *declare.settings(PREFIX, title="Samespace", key=KEY, url="", rate="off"),
    Setting(
        MERGE_KEYS,
        keys,
        "email,phoneNumber",
        "Properties of which an equal value makes an import merge, in their order; the vendor does not say.",
    ),
    IMPORT_SECONDS,
)


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of Samespace."""
    return declare.read(PREFIX, KEY, values, MERGE_KEYS, IMPORT_SECONDS.name)

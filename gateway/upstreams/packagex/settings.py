"""Where PackageX is. Its rate limit is undocumented (packagex.md, Transport), so none is set."""

from collections.abc import Mapping
from typing import Any, Final

from gateway import setting
from gateway.setting import Setting
from gateway.upstreams import declare

PREFIX: Final = "PACKAGEX"
KEY: Final = "PACKAGEX_API_KEY"
ADDRESS: Final = "https://api.packagex.io/v1"
DELETE: Final = "PACKAGEX_DELETE"
IMPORT_BYTES: Final = "PACKAGEX_IMPORT_BYTES"
INDEX_BASE: Final = "PACKAGEX_IMPORT_INDEX_BASE"
IMPORT_SECONDS: Final = declare.import_seconds(PREFIX, "PackageX")


def index_base(value: str) -> int:
    """0 or 1, as files are counted from either."""
    number = int(value)
    if number not in (0, 1):
        raise ValueError("is neither 0 nor 1")
    return number


SETTINGS: Final = (
    *declare.settings(PREFIX, title="PackageX", key=KEY, url=ADDRESS, rate="off"),
    Setting(
        DELETE,
        setting.yes_no,
        "true",
        "Whether contacts of PackageX may be deleted; the call is assumed, not documented.",
    ),
    Setting(
        IMPORT_BYTES,
        setting.count,
        "7500000",
        "Largest file for PackageX, and largest data URL that is made of it (a third longer than the file).",
    ),
    Setting(
        INDEX_BASE,
        index_base,
        "0",
        "What PackageX calls the first row in the issues of a file; its documents do not say.",
    ),
    IMPORT_SECONDS,
)


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of PackageX."""
    return declare.read(PREFIX, KEY, values, DELETE, IMPORT_BYTES, INDEX_BASE, IMPORT_SECONDS.name)

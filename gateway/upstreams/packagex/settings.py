"""Where PackageX is. Its rate limit is undocumented (packagex.md, Transport), so none is set."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.upstreams import declare

PREFIX: Final = "PACKAGEX"
KEY: Final = "PACKAGEX_API_KEY"
ADDRESS: Final = "https://api.packagex.io/v1"
SETTINGS: Final = declare.settings(PREFIX, title="PackageX", key=KEY, url=ADDRESS, rate="off")


def read(values: Mapping[str, Any]) -> declare.SourceSettings:
    """The settings of PackageX."""
    return declare.read(PREFIX, KEY, values)

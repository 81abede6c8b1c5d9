"""The settings that every source has, under its own prefix."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway import setting
from gateway.setting import Rate, Secret, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What a source needs to be called. Without an address or a key it is switched off.

    `own` holds the values of the settings that this source alone has, by their names.
    """

    url: str
    key: Secret
    seconds: float
    rate: Rate | None
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether the source can be called at all."""
        return bool(self.url) and bool(self.key)


def settings(prefix: str, *, title: str, key: str, url: str, rate: str) -> tuple[Setting, ...]:
    """The declarations of one source; `url` and `rate` are the defaults."""
    return (
        Setting(f"{prefix}_URL", setting.address, url, f"Address of {title}."),
        Setting(key, setting.secret, "", f"Key for {title}; without one the source is switched off."),
        Setting(f"{prefix}_TIMEOUT_SECONDS", setting.seconds, "10", f"Longest wait for one call to {title}."),
        Setting(
            f"{prefix}_RATE_LIMIT",
            setting.rate,
            rate,
            f"Requests/seconds that the gateway allows itself with {title}, or `off`.",
        ),
    )


def import_seconds(prefix: str, title: str) -> Setting:
    """How long a source may take over a file, which is longer than for any other call."""
    return Setting(
        f"{prefix}_IMPORT_TIMEOUT_SECONDS",
        setting.seconds,
        "300",
        f"Longest wait for {title} to take a file.",
    )


def read(prefix: str, key: str, values: Mapping[str, Any], *own: str) -> SourceSettings:
    """The values of the settings that `settings` declared, and of those that are the source's own."""
    return SourceSettings(
        url=values[f"{prefix}_URL"],
        key=values[key],
        seconds=values[f"{prefix}_TIMEOUT_SECONDS"],
        rate=values[f"{prefix}_RATE_LIMIT"],
        own={name: values[name] for name in own},
    )

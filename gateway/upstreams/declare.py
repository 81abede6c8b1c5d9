"""The settings that every source has, under its own prefix."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway import setting
from gateway.resilience.policy import Policy
from gateway.setting import Rate, Secret, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What a source needs to be called. Without an address or a key it is switched off.

    `own` holds the values of the settings that this source alone has, by their names.
    """

    url: str
    key: Secret
    rate: Rate | None
    policy: Policy = field(default_factory=Policy)
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether the source can be called at all."""
        return bool(self.url) and bool(self.key)


def settings(prefix: str, *, title: str, key: str, url: str, rate: str) -> tuple[Setting, ...]:
    """The declarations of one source; `url` and `rate` are the defaults."""
    return (
        Setting(f"{prefix}_URL", setting.address, url, f"Address of {title}."),
        Setting(
            key, setting.secret, "", f"Key for {title}; without one the source is switched off.", secret=True
        ),
        Setting(
            f"{prefix}_TIMEOUT_SECONDS",
            setting.seconds,
            "10",
            f"Longest time for one call to {title}, repeats included.",
        ),
        Setting(
            f"{prefix}_CONNECT_TIMEOUT_SECONDS",
            setting.seconds,
            "3",
            f"Longest wait for a connection to {title}.",
        ),
        Setting(
            f"{prefix}_READ_TIMEOUT_SECONDS",
            setting.seconds,
            "10",
            f"Longest silence of {title} within a call.",
        ),
        Setting(
            f"{prefix}_ATTEMPTS",
            setting.count,
            "3",
            f"How often a call to {title} that is safe to repeat is sent at most; 1 for never again.",
        ),
        Setting(f"{prefix}_CONCURRENCY", setting.count, "20", f"Calls to {title} under way at once."),
        Setting(
            f"{prefix}_QUEUE",
            setting.count,
            "1000",
            f"Calls to {title} that may wait; more are refused at once with `OVERLOADED`.",
        ),
        Setting(
            f"{prefix}_BREAKER_FAILURES",
            setting.count,
            "5",
            f"Failures, half of the latest calls at least, after which {title} is left alone for a while.",
        ),
        Setting(
            f"{prefix}_BREAKER_COOL_DOWN_SECONDS",
            setting.seconds,
            "1",
            f"For how long {title} is left alone first; doubled with every probe that fails.",
        ),
        Setting(
            f"{prefix}_BREAKER_LONGEST_SECONDS",
            setting.seconds,
            "30",
            f"For how long {title} is left alone at most.",
        ),
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
        rate=values[f"{prefix}_RATE_LIMIT"],
        policy=Policy(
            seconds=values[f"{prefix}_TIMEOUT_SECONDS"],
            connect_seconds=values[f"{prefix}_CONNECT_TIMEOUT_SECONDS"],
            read_seconds=values[f"{prefix}_READ_TIMEOUT_SECONDS"],
            attempts=values[f"{prefix}_ATTEMPTS"],
            at_once=values[f"{prefix}_CONCURRENCY"],
            queued=values[f"{prefix}_QUEUE"],
            failures=values[f"{prefix}_BREAKER_FAILURES"],
            cool_down=values[f"{prefix}_BREAKER_COOL_DOWN_SECONDS"],
            longest_cool_down=values[f"{prefix}_BREAKER_LONGEST_SECONDS"],
        ),
        own={name: values[name] for name in own},
    )

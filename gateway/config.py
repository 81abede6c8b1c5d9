"""Gathers the settings that each part declares, once, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from gateway import setting
from gateway.cache.reads import Keep, Times
from gateway.engine.limits import Limits
from gateway.keys import Keys, read_keys
from gateway.model.source import Source
from gateway.setting import LOOPBACK, Secret, Setting
from gateway.telemetry.logs import FORMATS, LEVELS
from gateway.upstreams import UPSTREAMS
from gateway.upstreams.declare import SourceSettings

MEMORY: Final = ":memory:"
AUTO: Final = "auto"
TRACES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class BadSetting(Exception):
    """A setting that is missing or odd; its text names the variable and never quotes its value."""


def _switch(value: str) -> bool | None:
    return None if value.strip().lower() in {AUTO, ""} else setting.yes_no(value)


def _format(value: str) -> str:
    form = value.strip().lower()
    if form not in FORMATS:
        raise ValueError(f"is none of {', '.join(FORMATS)}")
    return form


def _level(value: str) -> str:
    level = value.strip().lower()
    if level not in LEVELS:
        raise ValueError(f"is none of {', '.join(LEVELS)}")
    return level


KEPT: Final = (
    (Keep.CONTACT, "1", "contacts by id"),
    (Keep.LIST, "1", "pages of lists"),
    (Keep.GROUP, "1", "groups by id"),
    (Keep.CHAT, "1", "chats, communications and messages"),
    (Keep.CHANNEL, "60", "channels"),
    (Keep.DEFINITION, "60", "modules and properties"),
)

OWN: Final = (
    Setting("GATEWAY_HOST", setting.text, "127.0.0.1", "Address to listen on."),
    Setting("GATEWAY_PORT", setting.port, "8000", "Port to listen on."),
    Setting("GATEWAY_DEADLINE_SECONDS", setting.seconds, "30", "Longest time for one client operation."),
    Setting(
        "GATEWAY_API_KEYS",
        read_keys,
        "",
        "Who may call: entries `name:sha256-hex:scopes[:account[:sources]]`, separated by `;`, lists inside "
        "by `,`. Scopes are `read`, `write`, `import`, `raw`, `admin`. Empty: open mode, on loopback only.",
    ),
    Setting(
        "GATEWAY_DATA_DIR",
        setting.text,
        "",
        "Folder of the embedded store: index, events, idempotency keys, imports; `:memory:` keeps nothing. "
        "Empty: the user's data directory.",
    ),
    Setting(
        "GATEWAY_STATE_URL",
        setting.state_url,
        "",
        "`redis://…` or `rediss://…` (Redis, Valkey): what several replicas share. Empty: nothing is shared.",
    ),
    Setting(
        "GATEWAY_REPLICAS",
        setting.count,
        "1",
        "How many replicas share; each keeps to its part of every rate limit while the shared state is away.",
    ),
    Setting(
        "GATEWAY_PRODUCTION",
        setting.yes_no,
        "false",
        "`true`: no introspection, explorer, suggestions or open access unless switched on one by one.",
    ),
    Setting(
        "GATEWAY_INTROSPECTION",
        _switch,
        AUTO,
        "Introspection and `/schema.graphql`; auto: not in production.",
    ),
    Setting("GATEWAY_EXPLORER", _switch, AUTO, "GraphiQL for browsers; auto: not in production."),
    Setting("GATEWAY_SUGGESTIONS", _switch, AUTO, "Suggestions in errors; auto: not in production."),
    Setting(
        "GATEWAY_OPEN_ACCESS", _switch, AUTO, "Serving without keys, on loopback; auto: not in production."
    ),
    Setting("GATEWAY_BODY_BYTES", setting.count, str(1024 * 1024), "Largest request body."),
    Setting("GATEWAY_IMPORT_BYTES", setting.count, "50000000", "Largest file of an import."),
    Setting("GATEWAY_IMPORT_ROWS", setting.count, "100000", "Most rows of a file."),
    Setting("GATEWAY_IMPORT_CELLS", setting.count, "2000000", "Most cells of a file."),
    Setting("GATEWAY_IMPORT_DEADLINE_SECONDS", setting.seconds, "3600", "Longest time for one import job."),
    *(
        Setting(
            f"GATEWAY_CACHE_{kind.name}_SECONDS",
            setting.seconds_or_none,
            default,
            f"Age up to which {what} need no call, unless the caller asks for another; 0 for never.",
        )
        for kind, default, what in KEPT
    ),
    Setting(
        "GATEWAY_STALE_IF_ERROR_SECONDS",
        setting.seconds_or_none,
        "300",
        "Age up to which what was last seen stands in for a source that fails, marked `STALE`; 0 for never.",
    ),
    Setting("GATEWAY_CACHE_BYTES", setting.count, "32000000", "Most memory for what is kept, roughly."),
    Setting(
        "GATEWAY_CONCURRENCY",
        setting.count,
        "1000",
        "Operations carried out at once; fewer when the event loop is late. More get 503 and `Retry-After`.",
    ),
    Setting(
        "GATEWAY_GRACE_SECONDS",
        setting.seconds,
        "30",
        "Longest time for what is under way after SIGTERM; a second signal ends it.",
    ),
    Setting("GATEWAY_QUERY_TOKENS", setting.count, "10000", "Largest document, in tokens."),
    Setting("GATEWAY_QUERY_DEPTH", setting.count, "20", "Deepest document, in fields; GraphiQL asks for 15."),
    Setting("GATEWAY_PHONE_REGION", setting.region, "US", "Country in which phones without a code are read."),
    Setting(
        "GATEWAY_INDEX_MAX_AGE_SECONDS",
        setting.seconds,
        "300",
        "Age at which the index counts as stale; it is read anew a little earlier.",
    ),
    Setting(
        "GATEWAY_INDEX_WAIT_SECONDS",
        setting.seconds,
        "10",
        "Longest wait for a scan that an answer needs; never more than half of the time left.",
    ),
    Setting(
        "GATEWAY_LOG_LEVEL",
        _level,
        "info",
        "`debug`, `info`, `warning` or `error`; SIGHUP switches between this and `debug`.",
    ),
    Setting("GATEWAY_LOG_FORMAT", _format, "json", "`json`, or `text` for people at a terminal."),
    *(
        Setting(
            name,
            setting.text,
            "",
            "Where traces go, by OTLP over HTTP; the other variables of OpenTelemetry count as well.",
        )
        for name in TRACES
    ),
)


def all_settings() -> dict[str, Setting]:
    """Every setting by name, the gateway's own first."""
    return setting.declared(OWN, *(entry.settings for entry in UPSTREAMS.values()))


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and are none: misspelt, perhaps; Kubernetes sets some that look so."""
    known = all_settings()
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known if not name.startswith("OTEL_")})
    return sorted(name for name in environment if name.startswith(prefixes) and name not in known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings, each read and checked. `data_dir` None keeps nothing on disk."""

    host: str
    port: int
    deadline_seconds: float
    keys: Keys
    data_dir: Path | None
    state_url: Secret
    replicas: int
    introspection: bool
    explorer: bool
    suggestions: bool
    body_bytes: int
    import_bytes: int
    import_rows: int
    import_cells: int
    import_seconds: float
    cache_bytes: int
    cache_times: Times
    operations: int
    grace_seconds: float
    limits: Limits
    phone_region: str
    index_max_age: float
    index_wait: float
    log_level: str
    log_format: str
    traces: bool
    sources: Mapping[Source, SourceSettings]


def read(environment: Mapping[str, str]) -> Config:
    """The settings of an environment. Raises BadSetting, which names the variable."""
    values = {name: _value(declared, environment) for name, declared in all_settings().items()}
    production: bool = values["GATEWAY_PRODUCTION"]

    def on(name: str) -> bool:
        chosen: bool | None = values[name]
        return not production if chosen is None else chosen

    config = Config(
        host=values["GATEWAY_HOST"],
        port=values["GATEWAY_PORT"],
        deadline_seconds=values["GATEWAY_DEADLINE_SECONDS"],
        keys=values["GATEWAY_API_KEYS"],
        data_dir=_data_dir(values["GATEWAY_DATA_DIR"]),
        state_url=values["GATEWAY_STATE_URL"],
        replicas=values["GATEWAY_REPLICAS"],
        introspection=on("GATEWAY_INTROSPECTION"),
        explorer=on("GATEWAY_EXPLORER"),
        suggestions=on("GATEWAY_SUGGESTIONS"),
        body_bytes=values["GATEWAY_BODY_BYTES"],
        import_bytes=values["GATEWAY_IMPORT_BYTES"],
        import_rows=values["GATEWAY_IMPORT_ROWS"],
        import_cells=values["GATEWAY_IMPORT_CELLS"],
        import_seconds=values["GATEWAY_IMPORT_DEADLINE_SECONDS"],
        cache_bytes=values["GATEWAY_CACHE_BYTES"],
        cache_times=Times(
            live={kind: values[f"GATEWAY_CACHE_{kind.name}_SECONDS"] for kind in Keep},
            stale=values["GATEWAY_STALE_IF_ERROR_SECONDS"],
        ),
        operations=values["GATEWAY_CONCURRENCY"],
        grace_seconds=values["GATEWAY_GRACE_SECONDS"],
        limits=Limits(tokens=values["GATEWAY_QUERY_TOKENS"], depth=values["GATEWAY_QUERY_DEPTH"]),
        phone_region=values["GATEWAY_PHONE_REGION"],
        index_max_age=values["GATEWAY_INDEX_MAX_AGE_SECONDS"],
        index_wait=values["GATEWAY_INDEX_WAIT_SECONDS"],
        log_level=values["GATEWAY_LOG_LEVEL"],
        log_format=values["GATEWAY_LOG_FORMAT"],
        traces=any(values[name] for name in TRACES),
        sources={source: entry.read(values) for source, entry in UPSTREAMS.items()},
    )
    _check_open_mode(config, allowed=on("GATEWAY_OPEN_ACCESS"))
    return config


def _value(declared: Setting, environment: Mapping[str, str]) -> Any:
    try:
        return declared.read(environment.get(declared.name) or declared.default)
    except ValueError as error:
        reason = str(error)
        shown = reason if reason.startswith(("is ", "has ", "holds ")) else "is not of the right form"
        raise BadSetting(f"{declared.name} {shown}. {declared.meaning}") from None


def _data_dir(value: str) -> Path | None:
    if value == MEMORY:
        return None
    return Path(value) if value else Path(platformdirs.user_data_dir("contacts-gateway", appauthor=False))


def _check_open_mode(config: Config, *, allowed: bool) -> None:
    if config.keys.callers:
        return
    if not allowed:
        raise BadSetting("GATEWAY_API_KEYS is empty: in production the gateway does not serve without keys.")
    if config.host not in LOOPBACK:
        raise BadSetting(
            "GATEWAY_HOST has to be a loopback address, such as 127.0.0.1, while GATEWAY_API_KEYS is empty."
        )

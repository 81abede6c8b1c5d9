"""Gathers the settings that each part declares, once, from the environment."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import platformdirs

from gateway import setting
from gateway.allowances import Fair, Intake, Web
from gateway.cache.reads import Keep, Times
from gateway.engine.limits import Limits
from gateway.engine.persisted import Mode
from gateway.identity.rules import Rules
from gateway.keys import Keys
from gateway.model.caller import BROUGHT, DEFAULT_ACCOUNT
from gateway.model.source import Source
from gateway.options import LIMITS, MCP, OWN, TRACES
from gateway.setting import LOOPBACK, Proxy, Secret, Setting
from gateway.tokens import Tokens
from gateway.upstreams import UPSTREAMS
from gateway.upstreams.declare import SourceSettings

LARGEST_FILE: Final = 1024 * 1024  # bytes of a secret
MEMORY: Final = ":memory:"


class BadSetting(Exception):
    """A setting that is missing or odd; its text names the variable and never quotes its value."""


def all_settings() -> dict[str, Setting]:
    """Every setting by name, the gateway's own first."""
    return setting.declared(OWN, MCP, *(entry.settings for entry in UPSTREAMS.values()))


def secret_files(environment: Mapping[str, str]) -> dict[str, Path]:
    """The files that hold secrets, by the variable that names them."""
    files = ((each.file, environment.get(each.file)) for each in all_settings().values() if each.secret)
    return {name: Path(path) for name, path in files if path}


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and are none: misspelt, perhaps; Kubernetes sets some that look so."""
    known = {name for each in all_settings().values() for name in (each.name, each.secret and each.file)}
    prefixes = tuple(
        {f"{name.partition('_')[0]}_" for name in all_settings() if not name.startswith("OTEL_")}
    )
    return sorted(name for name in environment if name.startswith(prefixes) and name not in known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings, each read and checked. `data_dir` None keeps nothing on disk.

    `accounts` holds the settings of the sources for accounts with credentials of their own, `sources` those
    of all others. `headers` are keys that callers may bring along, by header.
    """

    host: str
    port: int
    deadline_seconds: float
    keys: Keys
    tokens: Tokens | None
    accounts: Mapping[str, Mapping[Source, SourceSettings]]
    headers: Mapping[str, str]
    brought_accounts: int
    fair: Fair
    web: Web
    outgoing_proxy: Proxy | None
    media_hosts: tuple[str, ...]
    subscriptions: int
    data_dir: Path | None
    state_url: Secret
    replicas: int
    workers: int
    introspection: bool
    explorer: bool
    suggestions: bool
    documents: Path | None
    documents_mode: Mode
    apq: bool
    intake: Intake
    import_bytes: int
    import_rows: int
    import_cells: int
    import_seconds: float
    cache_bytes: int
    cache_times: Times
    operations: int
    grace_seconds: float
    limits: Limits
    rules: Rules
    index_max_age: float
    index_wait: float
    notice_changes: bool
    log_level: str
    log_format: str
    traces: bool
    secret_files: tuple[Path, ...]
    sources: Mapping[Source, SourceSettings]

    @property
    def open(self) -> bool:
        """Whether everybody on this machine may do everything."""
        return not self.keys.callers and self.tokens is None

    @property
    def several_callers(self) -> bool:
        """Whether one caller could take what is meant for others."""
        return self.tokens is not None or len({each.who for each in self.keys.callers.values()}) > 1

    @property
    def parts(self) -> int:
        """Into how many parts a rate limit falls while what is shared is away: one for each process."""
        return self.replicas * self.workers

    def of_worker(self, number: int) -> "Config":
        """The settings of one of several workers. The first keeps its data where a single process would, so
        that neither a change of their number nor a command finds an empty index; others in folders below.
        """
        if self.data_dir is None or number == 1:
            return self
        return replace(self, data_dir=self.data_dir / f"worker-{number}")

    def with_keys(self, account: str, keys: Mapping[str, str]) -> Mapping[Source, SourceSettings]:
        """The settings of the sources for an account with other keys, and with these alone."""
        found = {}
        for source, held in self.sources_of(account).items():
            named = next(each.name for each in UPSTREAMS[source].settings if each.secret)
            found[source] = replace(held, key=Secret(keys.get(named, "")))
        return found

    def secrets(self) -> dict[Path, bytes]:
        """What stands in the files of secrets now, as hashes."""
        return {path: _digest(path) for path in self.secret_files}

    @property
    def sources_named(self) -> bool:
        """Whether any account has a source, or callers may bring keys along."""
        named = (self.sources, *self.accounts.values())
        return bool(self.headers) or any(each.enabled for some in named for each in some.values())

    def sources_of(self, account: str) -> Mapping[Source, SourceSettings]:
        """The settings of the sources for an account."""
        return self.accounts.get(account, self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """The settings of the MCP server, which is a client of a gateway that runs elsewhere."""

    url: str
    key: Secret
    documents: Path | None
    writes: bool
    result_bytes: int
    log_level: str
    log_format: str


def read_assistant(environment: Mapping[str, str]) -> Assistant:
    """The settings of the MCP server. Raises BadSetting, which names the variable."""
    known = all_settings()
    names = (*(each.name for each in MCP), "GATEWAY_LOG_LEVEL", "GATEWAY_LOG_FORMAT")
    values = {name: _value(known[name], _text(known[name], environment)) for name in names}
    documents: str = values["GATEWAY_MCP_DOCUMENTS"]
    if documents and not Path(documents).is_dir():
        raise BadSetting("GATEWAY_MCP_DOCUMENTS is no folder.")
    return Assistant(
        url=values["GATEWAY_MCP_URL"],
        key=values["GATEWAY_MCP_KEY"],
        documents=Path(documents) if documents else None,
        writes=values["GATEWAY_MCP_WRITES"],
        result_bytes=values["GATEWAY_MCP_RESULT_BYTES"],
        log_level=values["GATEWAY_LOG_LEVEL"],
        log_format=values["GATEWAY_LOG_FORMAT"],
    )


def read(environment: Mapping[str, str]) -> Config:
    """The settings of an environment. Raises BadSetting, which names the variable."""
    texts = {name: _text(declared, environment) for name, declared in all_settings().items()}
    values = {name: _value(declared, texts[name]) for name, declared in all_settings().items()}
    production: bool = values["GATEWAY_PRODUCTION"]

    def on(name: str, auto: bool = not production) -> bool:
        chosen: bool | None = values[name]
        return auto if chosen is None else chosen

    introspection = on("GATEWAY_INTROSPECTION")
    config = Config(
        host=values["GATEWAY_HOST"],
        port=values["GATEWAY_PORT"],
        deadline_seconds=values["GATEWAY_DEADLINE_SECONDS"],
        keys=values["GATEWAY_API_KEYS"],
        tokens=_tokens(values),
        accounts={
            account: _of_account(account, own, texts) for account, own in values["GATEWAY_ACCOUNTS"].items()
        },
        headers=_headers(values["GATEWAY_CREDENTIAL_HEADERS"]),
        brought_accounts=values["GATEWAY_CREDENTIAL_ACCOUNTS"],
        fair=Fair(
            requests=values["GATEWAY_CALLER_REQUESTS"],
            points=values["GATEWAY_CALLER_POINTS"],
            calls=values["GATEWAY_CALLER_CALLS"],
            share=values["GATEWAY_CALLER_SHARE"],
        ),
        web=Web(
            origins=values["GATEWAY_CORS_ORIGINS"],
            proxies=values["GATEWAY_TRUSTED_PROXIES"],
            packed=values["GATEWAY_COMPRESSION"],
            strict_status=values["GATEWAY_STRICT_STATUS"],
        ),
        subscriptions=values["GATEWAY_SUBSCRIPTIONS"],
        outgoing_proxy=values["GATEWAY_OUTGOING_PROXY"],
        media_hosts=values["GATEWAY_MEDIA_HOSTS"],
        data_dir=_data_dir(values["GATEWAY_DATA_DIR"]),
        state_url=values["GATEWAY_STATE_URL"],
        replicas=values["GATEWAY_REPLICAS"],
        workers=values["GATEWAY_WORKERS"],
        introspection=introspection,
        explorer=on("GATEWAY_EXPLORER"),
        suggestions=on("GATEWAY_SUGGESTIONS", introspection and not production),
        documents=Path(values["GATEWAY_DOCUMENTS"]) if values["GATEWAY_DOCUMENTS"] else None,
        documents_mode=values["GATEWAY_DOCUMENTS_MODE"],
        apq=values["GATEWAY_APQ"] and values["GATEWAY_DOCUMENTS_MODE"] is not Mode.ENFORCE,
        intake=Intake(
            body_bytes=values["GATEWAY_BODY_BYTES"],
            header_bytes=values["GATEWAY_HEADER_BYTES"],
            head_seconds=values["GATEWAY_HEAD_SECONDS"],
            body_seconds=values["GATEWAY_BODY_SECONDS"],
            answer_seconds=values["GATEWAY_ANSWER_SECONDS"],
            json_depth=values["GATEWAY_JSON_DEPTH"],
            file_bytes=values["GATEWAY_IMPORT_BYTES"],
        ),
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
        limits=Limits(**{field: values[f"GATEWAY_{name}"] for field, name, _ in LIMITS}),
        rules=Rules(
            region=values["GATEWAY_PHONE_REGION"],
            modules=values["GATEWAY_IDENTITY_MODULES"],
            most=values["GATEWAY_IDENTITY_MOST_RECORDS"],
            providers=values["GATEWAY_IDENTITY_PROVIDER_RULES"],
            roles=values["GATEWAY_IDENTITY_ROLE_MAILBOXES"],
            shared=values["GATEWAY_IDENTITY_SHARED"],
            external=values["GATEWAY_IDENTITY_EXTERNAL_IDS"],
            survival=values["GATEWAY_IDENTITY_SURVIVAL"],
            priority=values["GATEWAY_IDENTITY_PRIORITY"],
        ),
        index_max_age=values["GATEWAY_INDEX_MAX_AGE_SECONDS"],
        index_wait=values["GATEWAY_INDEX_WAIT_SECONDS"],
        notice_changes=values["GATEWAY_NOTICE_CHANGES"],
        log_level=values["GATEWAY_LOG_LEVEL"],
        log_format=values["GATEWAY_LOG_FORMAT"],
        secret_files=tuple(secret_files(environment).values()),
        traces=any(values[name] for name in TRACES),
        sources={source: entry.read(values) for source, entry in UPSTREAMS.items()},
    )
    _check_open_mode(config, allowed=on("GATEWAY_OPEN_ACCESS"))
    _check_accounts(config)
    if config.workers > 1 and not config.state_url:
        raise BadSetting(
            "GATEWAY_STATE_URL is empty, while GATEWAY_WORKERS asks for several processes: without what they "
            "share, each would keep rate limits, idempotency keys and events of its own."
        )
    if config.documents is None and config.documents_mode is not Mode.OFF:
        raise BadSetting("GATEWAY_DOCUMENTS is empty, while GATEWAY_DOCUMENTS_MODE needs a file.")
    return config


def _text(declared: Setting, environment: Mapping[str, str]) -> str:
    """The text of a setting, from its variable or from the file that another one names."""
    said = environment.get(declared.name)
    path = environment.get(declared.file) if declared.secret else None
    if not path:
        return said or declared.default
    if said:
        raise BadSetting(f"{declared.name} and {declared.file} are both set: leave one of them out.")
    try:
        held = Path(path).read_bytes()[: LARGEST_FILE + 1]
        if len(held) > LARGEST_FILE:
            raise BadSetting(f"{declared.file} names a file of more than {LARGEST_FILE} bytes.")
        return held.decode().strip() or declared.default
    except OSError as error:
        raise BadSetting(f"{declared.file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadSetting(f"{declared.file} names a file that is no text in UTF-8.") from None


def _value(declared: Setting, text: str) -> Any:
    try:
        return declared.read(text)
    except ValueError as error:
        reason = str(error)
        shown = reason if reason.startswith(("is ", "has ", "holds ")) else "is not of the right form"
        raise BadSetting(f"{declared.name} {shown}. {declared.meaning}") from None


def _data_dir(value: str) -> Path | None:
    if value == MEMORY:
        return None
    return Path(value) if value else Path(platformdirs.user_data_dir("contacts-gateway", appauthor=False))


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def _tokens(values: Mapping[str, Any]) -> Tokens | None:
    """How tokens are checked; None where no issuer is named."""
    issuer, audience = values["GATEWAY_JWT_ISSUER"], values["GATEWAY_JWT_AUDIENCE"]
    url, keys = values["GATEWAY_JWT_KEYS_URL"], values["GATEWAY_JWT_KEYS"]
    if not issuer:
        if audience or url or keys:
            raise BadSetting("GATEWAY_JWT_ISSUER is empty, while other settings of tokens are not.")
        return None
    if not audience:
        raise BadSetting("GATEWAY_JWT_AUDIENCE is empty: tokens that were issued for others would be taken.")
    if bool(url) == bool(keys):
        raise BadSetting("GATEWAY_JWT_KEYS_URL or GATEWAY_JWT_KEYS has to be set, and not both.")
    return Tokens(
        issuer=issuer,
        audience=audience,
        algorithms=values["GATEWAY_JWT_ALGORITHMS"],
        url=url,
        keys=keys,
        keys_seconds=values["GATEWAY_JWT_KEYS_SECONDS"],
        leeway=values["GATEWAY_JWT_LEEWAY_SECONDS"],
        scope_prefix=values["GATEWAY_JWT_SCOPE_PREFIX"],
        claim_prefix=values["GATEWAY_JWT_CLAIM_PREFIX"],
        proxy=values["GATEWAY_OUTGOING_PROXY"],
    )


def _of_account(
    account: str, own: Mapping[str, str], common: Mapping[str, str]
) -> dict[Source, SourceSettings]:
    """The settings of the sources for one account: its own, else the common ones, keys never."""
    declared = setting.declared(*(entry.settings for entry in UPSTREAMS.values()))
    for name in own:
        if name not in declared:
            raise BadSetting(f"GATEWAY_ACCOUNTS names a setting for {account} that no source has.")
    try:
        values = {
            name: _value(each, own.get(name) or (each.default if each.secret else common[name]))
            for name, each in declared.items()
        }
    except BadSetting as odd:
        raise BadSetting(f"GATEWAY_ACCOUNTS is odd for {account}: {odd}") from None
    return {source: entry.read(values) for source, entry in UPSTREAMS.items()}


def _headers(names: tuple[str, ...]) -> dict[str, str]:
    """The settings of keys that callers may bring along, by header."""
    keys = {each.name for entry in UPSTREAMS.values() for each in entry.settings if each.secret}
    for name in names:
        if name not in keys:
            raise BadSetting(f"GATEWAY_CREDENTIAL_HEADERS holds none of {', '.join(sorted(keys))}.")
    return {f"x-{name.lower().replace('_', '-')}": name for name in names}


def _check_accounts(config: Config) -> None:
    """With credentials of their own for some accounts, none may fall back on those of others by mistake."""
    callers = config.keys.callers.values()
    for account in (*config.accounts, *(caller.account for caller in callers)):
        if account.startswith(BROUGHT):
            raise BadSetting(f"An account of GATEWAY_ACCOUNTS or GATEWAY_API_KEYS begins with {BROUGHT}")
    if not config.accounts:
        return
    for caller in callers:
        if caller.account not in config.accounts and caller.account != DEFAULT_ACCOUNT:
            raise BadSetting(
                f"GATEWAY_ACCOUNTS has no account {caller.account}, which GATEWAY_API_KEYS names."
            )


def _check_open_mode(config: Config, *, allowed: bool) -> None:
    if not config.open:
        return
    foreign = [each for each in config.web.origins if urlsplit(each).hostname not in LOOPBACK]
    if foreign:
        raise BadSetting("GATEWAY_CORS_ORIGINS may name loopback only while GATEWAY_API_KEYS is empty.")
    if config.headers:
        raise BadSetting("GATEWAY_CREDENTIAL_HEADERS needs callers that are known: set GATEWAY_API_KEYS.")
    if not allowed:
        raise BadSetting("GATEWAY_API_KEYS is empty: in production the gateway does not serve without keys.")
    if config.host not in LOOPBACK:
        raise BadSetting(
            "GATEWAY_HOST has to be a loopback address, such as 127.0.0.1, while GATEWAY_API_KEYS is empty."
        )

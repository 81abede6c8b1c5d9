"""The gateway's own settings, declared."""

import json
import re
from collections.abc import Mapping
from typing import Final

from gateway import setting, tokens
from gateway.cache.reads import Keep
from gateway.engine.limits import Limits
from gateway.engine.persisted import Mode
from gateway.identity import rules as identity
from gateway.identity.rules import Rules
from gateway.keys import read_keys
from gateway.model.source import Source
from gateway.setting import Setting
from gateway.telemetry.logs import FORMATS, LEVELS

ACCOUNT: Final = re.compile(r"[0-9A-Za-z_.-]{1,64}")
AUTO: Final = "auto"
TRACES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def _switch(value: str) -> bool | None:
    return None if value.strip().lower() in {AUTO, ""} else setting.yes_no(value)


def accounts(value: str) -> Mapping[str, Mapping[str, str]]:
    """Settings by account; their names and values are looked at with those of the sources."""
    try:
        found = json.loads(value) if value.strip() else {}
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is no JSON object of accounts")
    for account, own in found.items():
        if not ACCOUNT.fullmatch(account) or not isinstance(own, dict):
            raise ValueError("has an account that is oddly named, or no object of settings")
        if not all(isinstance(each, str) for each in own.values()):
            raise ValueError("has a value that is not a text")
    return found


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


def _mode(value: str) -> Mode:
    word = value.strip().lower()
    if word not in set(Mode):
        raise ValueError(f"is none of {', '.join(Mode)}")
    return Mode(word)


KEPT: Final = (
    (Keep.CONTACT, "1", "contacts by id"),
    (Keep.LIST, "1", "pages of lists"),
    (Keep.GROUP, "1", "groups by id"),
    (Keep.CHAT, "1", "chats, communications and messages"),
    (Keep.CHANNEL, "60", "channels"),
    (Keep.DEFINITION, "60", "modules and properties"),
)

LIMITS: Final = (
    ("bytes", "QUERY_BYTES", "Largest document, in bytes."),
    ("tokens", "QUERY_TOKENS", "Largest document, in tokens; comments count as one each."),
    ("operations", "QUERY_OPERATIONS", "Most operations in a document."),
    ("fragments", "QUERY_FRAGMENTS", "Most fragments in a document."),
    ("depth", "QUERY_DEPTH", "Deepest document, in fields; GraphiQL asks for 15."),
    ("height", "QUERY_HEIGHT", "Most different fields of an operation, aliases and repeats aside."),
    ("fields", "QUERY_FIELDS", "Most fields of an operation, with its fragments put in their places."),
    ("root_fields", "QUERY_ROOT_FIELDS", "Most fields at the root of an operation."),
    ("aliases", "QUERY_ALIASES", "Most aliases of an operation, with its fragments put in their places."),
    (
        "overlaps",
        "QUERY_OVERLAPS",
        "Most pairs of fields with the same key in the answer, which have to be compared.",
    ),
    ("directives", "QUERY_DIRECTIVES", "Most directives in a document; a tenth of it in one place."),
    ("variables", "QUERY_VARIABLES", "Most values in variables, those within others counted one by one."),
    ("list_size", "QUERY_LIST_SIZE", "Longest list in variables or arguments."),
    ("introspection", "INTROSPECTION_DEPTH", "How often lists of introspection may lie in one another."),
    ("points", "QUERY_POINTS", "Highest cost of an operation in points: see `@cost` in the schema."),
    ("calls", "QUERY_CALLS", "Most calls of sources that an operation may need: see `@upstream`."),
    ("values", "QUERY_VALUES", "Most values that an answer could hold; those with long aliases count more."),
)

OWN: Final = (
    Setting("GATEWAY_HOST", setting.text, "127.0.0.1", "Address to listen on."),
    Setting("GATEWAY_PORT", setting.port, "8000", "Port to listen on."),
    Setting("GATEWAY_DEADLINE_SECONDS", setting.seconds, "30", "Longest time for one client operation."),
    Setting(
        "GATEWAY_API_KEYS",
        read_keys,
        "",
        "Who may call: entries `name:sha256-hex:scopes[:account[:sources[:modules]]]`, separated by `;`, "
        "lists inside by `,`. Scopes are `read`, `write`, `import`, `raw`, `admin`. Empty: open mode, on "
        "loopback only.",
        secret=True,
    ),
    Setting("GATEWAY_JWT_ISSUER", setting.text, "", "Who issues tokens (`iss`); empty: none are taken."),
    Setting("GATEWAY_JWT_AUDIENCE", setting.text, "", "For whom tokens have to be issued (`aud`)."),
    Setting(
        "GATEWAY_JWT_ALGORITHMS",
        tokens.algorithms,
        "RS256,ES256",
        "Algorithms of signatures that are taken; those with a shared secret never are.",
    ),
    Setting(
        "GATEWAY_JWT_KEYS_URL",
        setting.address,
        "",
        "Where the issuer publishes its keys (JWKS); https, or http on loopback.",
    ),
    Setting(
        "GATEWAY_JWT_KEYS",
        tokens.key_set,
        "",
        "The keys themselves (JWKS) instead of their address.",
        secret=True,
    ),
    Setting(
        "GATEWAY_JWT_KEYS_SECONDS", setting.seconds, "300", "Age at which the issuer's keys are read again."
    ),
    Setting("GATEWAY_JWT_LEEWAY_SECONDS", setting.seconds_or_none, "30", "How far clocks may differ."),
    Setting(
        "GATEWAY_JWT_SCOPE_PREFIX", setting.text, "", "What stands before our scopes in `scope` of a token."
    ),
    Setting(
        "GATEWAY_JWT_CLAIM_PREFIX",
        setting.text,
        "",
        "What stands before the claims `account`, `sources` and `modules`, such as `https://example.com/`.",
    ),
    Setting(
        "GATEWAY_ACCOUNTS",
        accounts,
        "",
        "Accounts with credentials of their own: JSON, account to settings of sources by name, as in "
        '`{"acme": {"PACKAGEX_API_KEY": "…"}}`. Addresses and limits that it leaves out are the common ones, '
        "keys never are. Empty: all accounts of GATEWAY_API_KEYS share the one set of keys.",
        secret=True,
    ),
    Setting(
        "GATEWAY_CREDENTIAL_HEADERS",
        setting.words,
        "",
        "Source keys that callers may bring along, by name, as in `PACKAGEX_API_KEY` for the header "
        "`X-Packagex-Api-Key`; what they bring is an account of its own. Empty: none.",
    ),
    Setting(
        "GATEWAY_CREDENTIAL_ACCOUNTS",
        setting.count,
        "20",
        "Accounts of keys that callers bring along, open at once.",
    ),
    Setting("GATEWAY_CALLER_REQUESTS", setting.rate, "off", "Requests/seconds of one caller, or `off`."),
    Setting("GATEWAY_CALLER_POINTS", setting.rate, "off", "Points of cost/seconds of one caller, or `off`."),
    Setting("GATEWAY_CALLER_CALLS", setting.rate, "off", "Calls of sources/seconds of one caller, or `off`."),
    Setting(
        "GATEWAY_CALLER_SHARE",
        setting.share,
        "0.75",
        "Part of a source's rate limit, and of the operations under way, that one caller gets at most where "
        "several are known; 1 for all of it.",
    ),
    Setting(
        "GATEWAY_CORS_ORIGINS",
        setting.origins,
        "",
        "Origins of pages that may call from browsers, as in `https://app.example.com`; empty: only our own.",
    ),
    Setting(
        "GATEWAY_COMPRESSION",
        setting.yes_no,
        "true",
        "Whether answers are packed (zstd, br, gzip) for those who accept that.",
    ),
    Setting(
        "GATEWAY_STRICT_STATUS",
        setting.yes_no,
        "false",
        "Statuses of the newer draft for `application/graphql-response+json`: 294 for data beside errors, "
        "422 for documents and variables that are not valid.",
    ),
    Setting(
        "GATEWAY_SUBSCRIPTIONS", setting.count, "1000", "Subscriptions that are followed at once at most."
    ),
    Setting(
        "GATEWAY_TRUSTED_PROXIES",
        setting.networks,
        "",
        "Addresses or networks of proxies in front, whose `X-Forwarded-For` is believed; empty: none.",
    ),
    Setting(
        "GATEWAY_OUTGOING_PROXY",
        setting.proxy,
        "",
        "`http://[user:password@]host:port`: the HTTP proxy to sources and to GATEWAY_JWT_KEYS_URL, but for "
        "those on loopback. Empty: none; HTTPS_PROXY and its kin are not read.",
        secret=True,
    ),
    Setting(
        "GATEWAY_MEDIA_HOSTS",
        setting.hosts,
        "",
        "Hosts of media that messages may link to, as in `files.example.com,.example.org`; empty: all public "
        "ones.",
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
        secret=True,
    ),
    Setting(
        "GATEWAY_REPLICAS",
        setting.count,
        "1",
        "How many replicas share; each keeps to its part of every rate limit while the shared state is away.",
    ),
    Setting(
        "GATEWAY_WORKERS",
        setting.count,
        "1",
        "Processes of `gateway serve` on its one port, as `--workers` says; each is a replica of its own, so "
        "more than one need GATEWAY_STATE_URL. All replicas have as many.",
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
    Setting(
        "GATEWAY_SUGGESTIONS",
        _switch,
        AUTO,
        "Suggestions in errors; auto: not in production, nor without introspection.",
    ),
    Setting(
        "GATEWAY_OPEN_ACCESS", _switch, AUTO, "Serving without keys, on loopback; auto: not in production."
    ),
    Setting(
        "GATEWAY_DOCUMENTS",
        setting.text,
        "",
        "File with the documents that callers name by id: a manifest of Apollo's, or JSON of ids to "
        "texts, as Relay and GraphQL Code Generator write it. Looked at every five seconds. Empty: none.",
    ),
    Setting(
        "GATEWAY_DOCUMENTS_MODE",
        _mode,
        Mode.OFF,
        "What runs besides GATEWAY_DOCUMENTS: `off`, everything; `audit`, everything, logged and counted; "
        "`enforce`, nothing.",
    ),
    Setting(
        "GATEWAY_APQ",
        setting.yes_no,
        "true",
        "Automatic persisted queries: callers register documents and name them by hash; not with `enforce`.",
    ),
    Setting("GATEWAY_BODY_BYTES", setting.count, str(1024 * 1024), "Largest request body."),
    Setting("GATEWAY_HEADER_BYTES", setting.count, str(64 * 1024), "Largest request line and headers."),
    Setting("GATEWAY_HEAD_SECONDS", setting.seconds, "10", "Longest time to send the head of a request."),
    Setting("GATEWAY_BODY_SECONDS", setting.seconds, "15", "Longest time to send a body without files."),
    Setting(
        "GATEWAY_ANSWER_SECONDS",
        setting.seconds,
        "120",
        "Longest time for which an answer waits to be read; then its connection ends.",
    ),
    Setting("GATEWAY_JSON_DEPTH", setting.count, "64", "Deepest JSON of a body."),
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
    Setting("GATEWAY_CACHE_BYTES", setting.count, "36000000", "Most memory for what is kept, roughly."),
    Setting(
        "GATEWAY_CONCURRENCY",
        setting.count,
        "1000",
        "Operations carried out at once; fewer when the event loop is late. As many more wait, if they get a "
        "place within seconds; the rest gets 503 and `Retry-After`.",
    ),
    Setting(
        "GATEWAY_GRACE_SECONDS",
        setting.seconds,
        "30",
        "Longest time for what is under way after SIGTERM; a second signal ends it.",
    ),
    *(
        Setting(f"GATEWAY_{name}", setting.count, str(getattr(Limits(), field)), meaning)
        for field, name, meaning in LIMITS
    ),
    Setting("GATEWAY_PHONE_REGION", setting.region, "US", "Country in which phones without a code are read."),
    Setting(
        "GATEWAY_IDENTITY_MODULES",
        setting.words,
        "",
        "Samespace modules whose records are people, as in `Contacts,Leads`; `*` for all. Empty: Contacts.",
    ),
    Setting(
        "GATEWAY_IDENTITY_MOST_RECORDS",
        setting.count,
        str(Rules().most),
        "Records of one source that may hold an e-mail or phone before it joins nobody any more.",
    ),
    Setting(
        "GATEWAY_IDENTITY_PROVIDER_RULES",
        setting.yes_no,
        "false",
        "`true`: dots (Gmail) and what follows a plus sign (Gmail, Outlook, iCloud, Fastmail, Proton) do not "
        "tell mailboxes apart.",
    ),
    Setting(
        "GATEWAY_IDENTITY_ROLE_MAILBOXES",
        identity.read_roles,
        identity.ROLES,
        "Names of mailboxes that are no one person's, in front of the @, separated by spaces.",
    ),
    Setting(
        "GATEWAY_IDENTITY_SHARED",
        identity.read_shared,
        "",
        "E-mails and phones (with country code) that join nobody, separated by commas.",
    ),
    Setting(
        "GATEWAY_IDENTITY_EXTERNAL_IDS",
        identity.read_external,
        "",
        "Ids of people that properties hold, as in `customer=SAMESPACE:customerId,PACKAGEX:customer_id`; "
        "several are separated by `;`. Two records with the same one are one person; with different ones, "
        "never.",
    ),
    Setting(
        "GATEWAY_IDENTITY_SURVIVAL",
        identity.read_survival,
        ";".join(f"{name}={rule}" for name, rule in identity.SURVIVAL.items()),
        f"Which value of several a person is shown with: {', '.join(identity.Survival)}, by field.",
    ),
    Setting(
        "GATEWAY_IDENTITY_PRIORITY",
        identity.read_priority,
        ",".join(Source),
        "Sources, the one that is believed first in front.",
    ),
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
        "GATEWAY_NOTICE_CHANGES",
        setting.yes_no,
        "true",
        "Whether changes that were made elsewhere, and that a scan finds, become events.",
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

MCP: Final = (
    Setting(
        "GATEWAY_MCP_URL",
        setting.address,
        "http://127.0.0.1:8000/graphql",
        "`gateway mcp`: the gateway that it asks; https, or http on loopback.",
    ),
    Setting(
        "GATEWAY_MCP_KEY",
        setting.secret,
        "",
        "`gateway mcp`: its key of that gateway. With `--http`, what a caller sends itself comes first.",
        secret=True,
    ),
    Setting(
        "GATEWAY_MCP_DOCUMENTS",
        setting.text,
        "",
        "`gateway mcp`: folder of the documents that are its tools. Empty: those that come along.",
    ),
    Setting(
        "GATEWAY_MCP_WRITES",
        setting.yes_no,
        "false",
        "`gateway mcp`: whether tools that write are offered; each write is tried first, then confirmed.",
    ),
    Setting("GATEWAY_MCP_RESULT_BYTES", setting.count, "50000", "`gateway mcp`: largest answer of a tool."),
)

"""Every setting is read with care: odd values stop the start, name the variable, and are never quoted."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.cache.reads import Keep
from gateway.config import BadSetting, Config
from gateway.model.caller import Scope
from gateway.model.source import Source
from gateway.options import LIMITS
from gateway.setting import Proxy, Rate, Secret, Setting, declared

DIGEST = hashlib.sha256(b"a key").hexdigest()
KEYS = f"ada:{DIGEST}:read"
SECRET = "sk_live_7Jq2"
NAMES = sorted(config.all_settings())
PREFIXES = ("SAMESPACE", "PACKAGEX", "SMART_SENDER")
KEY_NAMES = ("SAMESPACE_API_KEY", "PACKAGEX_API_KEY", "SMART_SENDER_TOKEN")
SWITCHES = ("GATEWAY_INTROSPECTION", "GATEWAY_EXPLORER", "GATEWAY_SUGGESTIONS")


def read(**settings: str) -> Config:
    return config.read(settings)


def refusal(name: str, value: str) -> str:
    with pytest.raises(BadSetting) as refused:
        config.read({name: value})
    return str(refused.value)


# ---- what stands in the contract


def test_without_any_setting_the_gateway_is_open_on_loopback_and_all_sources_are_off() -> None:
    chosen = read()
    assert (chosen.host, chosen.port) == ("127.0.0.1", 8000)
    assert chosen.deadline_seconds == 30
    assert not chosen.keys.callers
    assert chosen.introspection
    assert chosen.explorer
    assert chosen.suggestions
    assert chosen.data_dir is not None
    assert set(chosen.sources) == set(Source)
    assert not any(settings.enabled for settings in chosen.sources.values())


def test_the_addresses_and_limits_of_the_sources_have_the_defaults_of_the_contract() -> None:
    sources = read().sources
    assert {source: (held.url, held.policy.seconds, held.rate) for source, held in sources.items()} == {
        Source.SAMESPACE: ("", 10.0, None),
        Source.PACKAGEX: ("https://api.packagex.io/v1", 10.0, None),
        Source.SMART_SENDER: ("https://api.smartsender.com/v1", 10.0, Rate(180, 60.0)),
    }


def test_a_source_with_a_key_and_an_address_is_on() -> None:
    chosen = read(PACKAGEX_API_KEY="a", SMART_SENDER_TOKEN="b", SAMESPACE_API_KEY="c")
    assert [chosen.sources[source].enabled for source in Source] == [False, True, True]
    assert (
        read(SAMESPACE_API_KEY="c", SAMESPACE_URL="https://x.samespace.com").sources[Source.SAMESPACE].enabled
    )


def test_every_setting_has_a_default_that_is_read_without_complaint() -> None:
    for name, setting in config.all_settings().items():
        setting.read(setting.default)
        assert setting.name == name
        assert setting.meaning.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_value_is_the_default(name: str) -> None:
    chosen, default = config.read({name: ""}), config.read({})
    for field in (
        "host",
        "port",
        "deadline_seconds",
        "data_dir",
        "limits",
        "log_level",
        "keys",
        "index_wait",
    ):
        assert getattr(chosen, field) == getattr(default, field)
    assert {s: (h.url, h.policy, h.rate) for s, h in chosen.sources.items()} == {
        s: (h.url, h.policy, h.rate) for s, h in default.sources.items()
    }


def test_variables_of_others_are_left_alone() -> None:
    assert read(PATH="/bin", GATEWAY_NONSENSE="1", HOME="\x00").port == 8000


# ---- odd values

RESILIENCE = (
    "CONNECT_TIMEOUT_SECONDS",
    "READ_TIMEOUT_SECONDS",
    "ATTEMPTS",
    "CONCURRENCY",
    "QUEUE",
    "BREAKER_FAILURES",
    "BREAKER_COOL_DOWN_SECONDS",
    "BREAKER_LONGEST_SECONDS",
)
ODD_RATES = ("180", "0/60", "9/0", "-9/60", "9/inf", "a/b", "/", "9/", "on")
ODD_ADDRESSES = ("x", "ftp://a", "https://", "//a", "https:a", "https://[::1")
ODD = [
    ("GATEWAY_ANSWER_SECONDS", "0"),
    ("GATEWAY_IDENTITY_MOST_RECORDS", "0"),
    ("GATEWAY_IDENTITY_PROVIDER_RULES", "perhaps"),
    ("GATEWAY_IDENTITY_SHARED", "call us"),
    *(
        ("GATEWAY_IDENTITY_EXTERNAL_IDS", value)
        for value in ("SAMESPACE:id", "a=", "a=SALESFORCE:id", "a=PACKAGEX:x,PACKAGEX:y", "a=PACKAGEX:x;a=")
    ),
    *(("GATEWAY_IDENTITY_SURVIVAL", value) for value in ("company", "company=BEST", "notes=MOST_RECENT")),
    *(("GATEWAY_IDENTITY_PRIORITY", value) for value in ("SALESFORCE", "PACKAGEX,PACKAGEX")),
    ("GATEWAY_COMPRESSION", "perhaps"),
    ("GATEWAY_STRICT_STATUS", "perhaps"),
    ("GATEWAY_SUBSCRIPTIONS", "0"),
    ("GATEWAY_WORKERS", "0"),
    ("GATEWAY_WORKERS", "auto"),
    ("GATEWAY_PORT", "http"),
    ("GATEWAY_PORT", "-1"),
    ("GATEWAY_PORT", "65536"),
    ("GATEWAY_PORT", "80.5"),
    ("GATEWAY_DEADLINE_SECONDS", "0"),
    ("GATEWAY_DEADLINE_SECONDS", "-3"),
    ("GATEWAY_DEADLINE_SECONDS", "soon"),
    ("GATEWAY_DEADLINE_SECONDS", "nan"),
    ("GATEWAY_DEADLINE_SECONDS", "inf"),
    ("GATEWAY_DEADLINE_SECONDS", "30s"),
    ("GATEWAY_API_KEYS", SECRET),
    ("GATEWAY_API_KEYS", f"ada:{SECRET}:read"),
    ("GATEWAY_API_KEYS", f"ada:{DIGEST}"),
    ("GATEWAY_API_KEYS", f"ada:{DIGEST}:reed"),
    ("GATEWAY_PRODUCTION", "maybe"),
    ("GATEWAY_INTROSPECTION", "2"),
    ("GATEWAY_EXPLORER", "ja"),
    ("GATEWAY_SUGGESTIONS", "truee"),
    ("GATEWAY_OPEN_ACCESS", "-"),
    ("GATEWAY_DOCUMENTS_MODE", "safelist"),
    ("GATEWAY_APQ", "perhaps"),
    ("GATEWAY_BODY_BYTES", "0"),
    ("GATEWAY_BODY_BYTES", "1 MB"),
    ("GATEWAY_QUERY_TOKENS", "-5"),
    ("GATEWAY_QUERY_DEPTH", "deep"),
    ("GATEWAY_QUERY_DEPTH", "1.5"),
    ("GATEWAY_STALE_IF_ERROR_SECONDS", "-1"),
    ("GATEWAY_CACHE_BYTES", "lots"),
    *((f"GATEWAY_CACHE_{kind.name}_SECONDS", "-1") for kind in Keep),
    ("GATEWAY_STATE_URL", "http://127.0.0.1"),
    ("GATEWAY_STATE_URL", f"redis//{SECRET}@127.0.0.1"),
    ("GATEWAY_STATE_URL", f"redis://:{SECRET}@127.0.0.1:port"),
    ("GATEWAY_REPLICAS", "0"),
    ("GATEWAY_CONCURRENCY", "0"),
    ("GATEWAY_GRACE_SECONDS", "-1"),
    ("GATEWAY_JWT_KEYS_URL", "http://id.example.com/keys"),
    ("GATEWAY_JWT_KEYS", "{}"),
    ("GATEWAY_JWT_KEYS", '{"keys": [{"kty": "oct", "k": "AAAA"}]}'),
    *(("GATEWAY_JWT_ALGORITHMS", odd) for odd in ("HS256", "none", "RS256,HS256", ",")),
    ("GATEWAY_JWT_KEYS_SECONDS", "0"),
    ("GATEWAY_JWT_LEEWAY_SECONDS", "-1"),
    *(
        ("GATEWAY_ACCOUNTS", odd)
        for odd in ("acme", "[]", '{"acme": 1}', '{"a b": {}}', '{"a": {"PACKAGEX_URL": 1}}')
    ),
    ("GATEWAY_CREDENTIAL_ACCOUNTS", "0"),
    *((f"GATEWAY_CALLER_{what}", "1") for what in ("REQUESTS", "POINTS", "CALLS")),
    *(("GATEWAY_CALLER_SHARE", odd) for odd in ("0", "1.1", "half", "nan")),
    *(("GATEWAY_CORS_ORIGINS", odd) for odd in ("*", "null", "example.com", "https://a.example/", "ftp://a.example")),
    *(("GATEWAY_TRUSTED_PROXIES", odd) for odd in ("*", "proxy", "10.0.0.1/8")),
    *(
        ("GATEWAY_OUTGOING_PROXY", odd)
        for odd in (
            *("proxy.example:3128", "http://proxy.example", "http://:3128", "http://proxy.example:0", "http://"),
            *("https://proxy.example:3128", "socks5://proxy.example:1080", "http://proxy.example:3128/path"),
            *("http://proxy.example:port", "http://[::1:3128", "http://@proxy.example:3128"),
            *(f"http://:{SECRET}@proxy.example:3128", f"http://ada%3Ab:{SECRET}@proxy.example:3128"),
            *(f"http://ada:{SECRET}%0A@proxy.example:3128", f"http://ada:{SECRET}%ff@proxy.example:3128"),
            *(f"http://ada:{SECRET}{odd}x@proxy.example:3128" for odd in ("/", "?", "#", " ", "\n", "\\")),
            f"http://ada:{SECRET}[@proxy.example:3128",
            *(f"http://ada:{odd}{SECRET}@proxy.example:3128" for odd in ("1/", "1?", "1#")),
        )
    ),
    *(("GATEWAY_MEDIA_HOSTS", odd) for odd in ("https://a.example", "*.example.com", "a.example/b")),
    *((f"GATEWAY_{what}", "0") for what in ("HEADER_BYTES", "HEAD_SECONDS", "BODY_SECONDS", "JSON_DEPTH")),
    *((f"GATEWAY_{name}", "0") for _, name, _ in LIMITS),
    ("GATEWAY_PHONE_REGION", "USA"),
    ("GATEWAY_PHONE_REGION", "4"),
    ("GATEWAY_PHONE_REGION", "1A"),
    ("GATEWAY_PHONE_REGION", "UK"),
    ("GATEWAY_PHONE_REGION", "XX"),
    ("GATEWAY_INDEX_MAX_AGE_SECONDS", "0"),
    ("GATEWAY_INDEX_WAIT_SECONDS", "never"),
    ("GATEWAY_NOTICE_CHANGES", "sometimes"),
    ("GATEWAY_LOG_LEVEL", "loud"),
    ("GATEWAY_LOG_FORMAT", "xml"),
    ("GATEWAY_IMPORT_BYTES", "50 MB"),
    ("GATEWAY_IMPORT_ROWS", "0"),
    ("GATEWAY_IMPORT_CELLS", "-1"),
    ("GATEWAY_IMPORT_DEADLINE_SECONDS", "0"),
    ("PACKAGEX_DELETE", "perhaps"),
    ("PACKAGEX_IMPORT_BYTES", "0"),
    ("PACKAGEX_IMPORT_INDEX_BASE", "2"),
    ("PACKAGEX_IMPORT_INDEX_BASE", "one"),
    ("SMART_SENDER_DELETE", "perhaps"),
    ("SMART_SENDER_MERGE_PATH", "/contacts/merge"),
    ("SMART_SENDER_MERGE_PATH", "/contacts/{contactId}/../{targetContactId}"),
    ("GATEWAY_MCP_URL", "http://gateway.example.com/graphql"),
    ("GATEWAY_MCP_KEY", f"{SECRET}\n{SECRET}"),
    ("GATEWAY_MCP_WRITES", "perhaps"),
    ("GATEWAY_MCP_RESULT_BYTES", "0"),
    *((f"{prefix}_IMPORT_TIMEOUT_SECONDS", "0") for prefix in ("SAMESPACE", "PACKAGEX")),
    *((f"{prefix}_TIMEOUT_SECONDS", value) for prefix in PREFIXES for value in ("0", "-1", "x", "inf")),
    *((f"{prefix}_{name}", "0") for prefix in PREFIXES for name in RESILIENCE),
    *((f"{prefix}_RATE_LIMIT", value) for prefix in PREFIXES for value in ODD_RATES),
    *((f"{prefix}_URL", value) for prefix in PREFIXES for value in ODD_ADDRESSES),
    *((f"{prefix}_URL", "http://example.com") for prefix in PREFIXES),
    *((f"{prefix}_URL", "http://127.0.0.1.example.com") for prefix in PREFIXES),
    *((f"{prefix}_URL", f"https://ada:{SECRET}@example.com") for prefix in PREFIXES),
    *((f"{prefix}_URL", f"https://example.com/?key={SECRET}") for prefix in PREFIXES),
    *((f"{prefix}_URL", f"https://example.com/#{SECRET}") for prefix in PREFIXES),
    *((name, f"{SECRET}\n{SECRET}") for name in KEY_NAMES),
    *((name, f"{SECRET}\x00") for name in KEY_NAMES),
    *((name, f"{SECRET}é") for name in KEY_NAMES),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ODD)
def test_an_odd_value_stops_the_start_and_names_the_variable(name: str, value: str) -> None:
    told = refusal(name, value)
    assert told.startswith(f"{name} ")
    assert config.all_settings()[name].meaning in told
    assert SECRET not in told
    assert DIGEST not in told


TOGETHER = [
    ("GATEWAY_JWT_ISSUER", "https://id.example.com"),  # without whom it is for
    ("GATEWAY_JWT_AUDIENCE", "contacts"),  # without an issuer
    ("GATEWAY_CREDENTIAL_HEADERS", "PACKAGEX_URL"),
    ("GATEWAY_DOCUMENTS_MODE", "enforce"),  # without a manifest
    ("GATEWAY_DOCUMENTS_MODE", "audit"),
    ("GATEWAY_ACCOUNTS", '{"acme": {"PACKAGEX_URL": "http://packagex.example.com"}}'),
    ("GATEWAY_ACCOUNTS", '{"acme": {"X": "y"}}'),
    ("GATEWAY_CREDENTIAL_HEADERS", "PACKAGEX_API_KEY"),  # without callers that are known
    ("GATEWAY_CORS_ORIGINS", "https://app.example.com"),  # in open mode
    ("PACKAGEX_API_KEY_FILE", "/nowhere/at/all"),
]


@pytest.mark.parametrize(("name", "value"), TOGETHER)
def test_settings_that_do_not_fit_each_other_stop_the_start(name: str, value: str) -> None:
    told = refusal(name, value)
    assert told.startswith(("GATEWAY_", "PACKAGEX_API_KEY_FILE"))
    assert value not in told


def test_an_account_without_credentials_of_its_own_falls_back_on_nobodys() -> None:
    accounts = '{"acme": {"PACKAGEX_API_KEY": "a"}}'
    with pytest.raises(BadSetting, match="GATEWAY_ACCOUNTS has no account other"):
        config.read({"GATEWAY_ACCOUNTS": accounts, "GATEWAY_API_KEYS": f"ada:{DIGEST}:read:other"})
    chosen = config.read(
        {"GATEWAY_ACCOUNTS": accounts, "SMART_SENDER_TOKEN": "ours", "PACKAGEX_TIMEOUT_SECONDS": "3"}
    )
    acme = chosen.sources_of("acme")
    assert [source for source, held in acme.items() if held.enabled] == [Source.PACKAGEX]
    assert acme[Source.PACKAGEX].policy.seconds == 3.0
    assert [source for source, held in chosen.sources.items() if held.enabled] == [Source.SMART_SENDER]


# ---- secrets in files


@pytest.mark.parametrize(
    "name", [*KEY_NAMES, "GATEWAY_API_KEYS", "GATEWAY_STATE_URL", "GATEWAY_OUTGOING_PROXY"]
)
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    proxy = f"http://ada:{SECRET}@proxy.example:3128"
    values = {"GATEWAY_API_KEYS": KEYS, "GATEWAY_STATE_URL": "redis://:word@127.0.0.1"}
    values["GATEWAY_OUTGOING_PROXY"] = proxy
    file = tmp_path / "secret"
    file.write_text(f"  {values.get(name, SECRET)}\n")
    chosen = config.read({f"{name}_FILE": str(file)})
    held = {
        "GATEWAY_API_KEYS": [caller.name for caller in chosen.keys.callers.values()],
        "GATEWAY_STATE_URL": chosen.state_url.reveal(),
        "GATEWAY_OUTGOING_PROXY": chosen.outgoing_proxy and _written(chosen.outgoing_proxy),
        **{key: each.key.reveal() for key, each in zip(KEY_NAMES, chosen.sources.values(), strict=True)},
    }
    assert held[name] == {"GATEWAY_API_KEYS": ["ada"]}.get(name, values.get(name, SECRET))
    assert SECRET not in repr(chosen)
    assert config.unknown({f"{name}_FILE": str(file)}) == []


def _written(proxy: Proxy) -> str:
    return f"http://{proxy.credentials.reveal()}@{proxy.host}:{proxy.port}"


@pytest.mark.parametrize(
    ("value", "host", "port", "credentials"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, ""),
        (" http://Proxy.example:3128/ ", "proxy.example", 3128, ""),
        ("http://[2001:db8::7]:80", "2001:db8::7", 80, ""),
        ("http://ada@10.0.0.1:8080", "10.0.0.1", 8080, "ada:"),
        ("http://ada:a%3Ab%40c%2Fd%20e%C3%A9@10.0.0.1:8080", "10.0.0.1", 8080, "ada:a:b@c/d eé"),
        ("http://ada:a@b:c@10.0.0.1:8080", "10.0.0.1", 8080, "ada:a@b:c"),
    ],
)
def test_a_proxy_is_taken_apart(value: str, host: str, port: int, credentials: str) -> None:
    chosen = read(GATEWAY_OUTGOING_PROXY=value)
    assert chosen.outgoing_proxy == Proxy(host, port, Secret(credentials))
    assert not credentials or credentials not in repr(chosen)
    tokens = {
        "GATEWAY_JWT_ISSUER": "id",
        "GATEWAY_JWT_AUDIENCE": "a",
        "GATEWAY_JWT_KEYS_URL": "https://id.example",
    }
    of_issuer = read(GATEWAY_OUTGOING_PROXY=value, **tokens).tokens
    assert of_issuer is not None
    assert of_issuer.proxy == chosen.outgoing_proxy
    assert read(HTTPS_PROXY=value, https_proxy=value, ALL_PROXY=value).outgoing_proxy is None


def test_a_secret_and_its_file_are_not_taken_together(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    with pytest.raises(BadSetting, match="both set"):
        config.read({"PACKAGEX_API_KEY": "a", "PACKAGEX_API_KEY_FILE": str(file)})


@pytest.mark.parametrize("content", [b"\xff\xfe", b"sk_live\x007Jq2", b"x" * (1024 * 1024 + 1)])
def test_an_odd_file_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    told = refusal("PACKAGEX_API_KEY_FILE", str(file))
    assert "PACKAGEX_API_KEY" in told
    assert "7Jq2" not in told


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_can_be_odd_has_an_odd_value_here(name: str) -> None:
    prefixes = {"GATEWAY_JWT_SCOPE_PREFIX", "GATEWAY_JWT_CLAIM_PREFIX"}
    paths = {"GATEWAY_DATA_DIR", "GATEWAY_DOCUMENTS", "GATEWAY_MCP_DOCUMENTS"}
    free = {*config.TRACES, *prefixes, *paths, "GATEWAY_HOST", "SAMESPACE_IMPORT_MERGE_KEYS"}
    free |= {"GATEWAY_IDENTITY_MODULES", "GATEWAY_IDENTITY_ROLE_MAILBOXES"}
    assert name in free or name in {odd for odd, _ in (*ODD, *TOGETHER)}


@given(
    name=st.sampled_from(NAMES), value=st.text(alphabet="xyzXYZ:/,;.-_ 019\n\x00é", min_size=1, max_size=30)
)
def test_whatever_stands_in_a_setting_it_is_read_or_refused_by_its_name(name: str, value: str) -> None:
    told = None
    try:
        config.read({"GATEWAY_API_KEYS": KEYS, name: value})
    except BadSetting as refused:
        told = str(refused)
    of_tokens = name.startswith("GATEWAY_JWT_")  # which want each other
    assert told is None or told.startswith("GATEWAY_JWT_" if of_tokens else f"{name} ")


@given(st.sampled_from(KEY_NAMES), st.text(alphabet="\n\r\t\x00\x7fé👍", min_size=1, max_size=3))
def test_a_key_that_cannot_stand_in_a_header_is_refused_and_not_quoted(name: str, noise: str) -> None:
    told = refusal(name, f"{SECRET}{noise}{SECRET}")
    assert SECRET not in told


def test_a_value_that_is_refused_is_not_in_the_chain_of_causes() -> None:
    with pytest.raises(BadSetting) as refused:
        read(GATEWAY_DEADLINE_SECONDS=SECRET)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


# ---- the MCP server


def test_the_mcp_server_reads_its_own_settings_and_minds_no_others(tmp_path: Path) -> None:
    chosen = config.read_assistant({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_API_KEYS": "odd"})
    assert (chosen.url, bool(chosen.key), chosen.documents, chosen.writes, chosen.result_bytes) == (
        *("http://127.0.0.1:8000/graphql", False, None, False, 50_000),
    )
    settings = {
        "GATEWAY_MCP_KEY": SECRET,
        "GATEWAY_MCP_DOCUMENTS": str(tmp_path),
        "GATEWAY_MCP_WRITES": "true",
    }
    chosen = config.read_assistant(settings)
    assert (chosen.key.reveal(), chosen.documents, chosen.writes) == (SECRET, tmp_path, True)
    assert SECRET not in repr(chosen)


@pytest.mark.parametrize(("name", "value"), [each for each in ODD if each[0].startswith("GATEWAY_MCP_")])
def test_an_odd_value_stops_the_start_of_the_mcp_server_as_well(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} "):
        config.read_assistant({name: value})


def test_a_folder_of_documents_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"^GATEWAY_MCP_DOCUMENTS is no folder"):
        config.read_assistant({"GATEWAY_MCP_DOCUMENTS": str(tmp_path / "none")})


# ---- values that are taken


@pytest.mark.parametrize(
    "url", ["https://a.samespace.com", "https://a.samespace.com/", " https://a.samespace.com "]
)
def test_an_address_is_taken_without_space_and_slash_at_its_end(url: str) -> None:
    assert read(SAMESPACE_URL=url).sources[Source.SAMESPACE].url == "https://a.samespace.com"


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:1", "[::1]:9"])
def test_a_source_on_this_machine_may_go_without_encryption(host: str) -> None:
    assert read(PACKAGEX_URL=f"http://{host}/v1").sources[Source.PACKAGEX].url == f"http://{host}/v1"


@pytest.mark.parametrize(
    ("text", "rate"), [("180/60", Rate(180, 60)), (" 1/0.5 ", Rate(1, 0.5)), ("OFF", None), ("off", None)]
)
def test_a_rate_is_requests_over_seconds_or_off(text: str, rate: Rate | None) -> None:
    assert read(SMART_SENDER_RATE_LIMIT=text).sources[Source.SMART_SENDER].rate == rate


@pytest.mark.parametrize("word", ["true", "TRUE", " 1 ", "yes", "On"])
def test_a_switch_is_on_in_several_words(word: str) -> None:
    assert not read(GATEWAY_PRODUCTION=word, GATEWAY_API_KEYS=KEYS).introspection


@pytest.mark.parametrize("word", ["false", "0", "No", "off"])
def test_a_switch_is_off_in_several_words(word: str) -> None:
    assert not read(GATEWAY_EXPLORER=word).explorer
    assert read(GATEWAY_PRODUCTION=word).explorer


def test_limits_of_documents_are_settings() -> None:
    limits = read(GATEWAY_QUERY_TOKENS="77", GATEWAY_QUERY_DEPTH="3").limits
    assert (limits.tokens, limits.depth) == (77, 3)


def test_a_region_and_a_level_are_taken_in_any_case() -> None:
    chosen = read(GATEWAY_PHONE_REGION="de", GATEWAY_LOG_LEVEL="Warning")
    assert (chosen.rules.region, chosen.log_level) == ("DE", "warning")


def test_the_store_lies_where_it_is_told_or_nowhere() -> None:
    assert read(GATEWAY_DATA_DIR="/srv/gateway").data_dir == Path("/srv/gateway")
    assert read(GATEWAY_DATA_DIR=":memory:").data_dir is None
    assert read(GATEWAY_DATA_DIR=" :memory: ").data_dir is None


# ---- secrets


def test_a_key_shows_as_stars_wherever_it_is_printed() -> None:
    chosen = read(PACKAGEX_API_KEY=f" {SECRET} ")
    held = chosen.sources[Source.PACKAGEX].key
    assert held.reveal() == SECRET
    for shown in (str(held), repr(held), f"{held}", repr(chosen), f"{chosen.sources}"):
        assert SECRET not in shown
    assert repr(held) == "Secret('***')"


def test_an_empty_key_is_no_key() -> None:
    assert not Secret("")
    assert repr(Secret("")) == "Secret('')"
    assert not read(PACKAGEX_API_KEY="   ").sources[Source.PACKAGEX].enabled


# ---- production and open mode


def test_production_without_keys_does_not_start() -> None:
    assert "GATEWAY_API_KEYS is empty" in refusal("GATEWAY_PRODUCTION", "true")


def test_production_may_be_open_when_that_is_said_and_then_on_loopback_only() -> None:
    assert not read(GATEWAY_PRODUCTION="true", GATEWAY_OPEN_ACCESS="true").keys.callers
    with pytest.raises(BadSetting, match="GATEWAY_HOST has to be a loopback address"):
        read(GATEWAY_PRODUCTION="true", GATEWAY_OPEN_ACCESS="true", GATEWAY_HOST="0.0.0.0")


def test_open_access_may_be_refused_outside_of_production_too() -> None:
    with pytest.raises(BadSetting, match="GATEWAY_API_KEYS is empty"):
        read(GATEWAY_OPEN_ACCESS="false")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.example.com"])
def test_an_open_gateway_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_HOST has to be a loopback address"):
        read(GATEWAY_HOST=host)
    assert read(GATEWAY_HOST=host, GATEWAY_API_KEYS=KEYS).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_an_open_gateway_may_listen_on_any_loopback_name(host: str) -> None:
    assert read(GATEWAY_HOST=host).host == host


def test_production_switches_everything_off_that_helps_strangers() -> None:
    chosen = read(GATEWAY_PRODUCTION="true", GATEWAY_API_KEYS=KEYS)
    assert [chosen.introspection, chosen.explorer, chosen.suggestions] == [False] * 3


@pytest.mark.parametrize("name", SWITCHES)
def test_what_production_switches_off_can_be_switched_on_one_by_one(name: str) -> None:
    chosen = config.read({"GATEWAY_PRODUCTION": "true", "GATEWAY_API_KEYS": KEYS, name: "true"})
    on = {each for each in SWITCHES if getattr(chosen, each.removeprefix("GATEWAY_").lower())}
    assert on == {name}


@pytest.mark.parametrize("name", SWITCHES)
def test_what_is_on_otherwise_can_be_switched_off_one_by_one(name: str) -> None:
    chosen = config.read({name: "false"})
    off = {each for each in SWITCHES if not getattr(chosen, each.removeprefix("GATEWAY_").lower())}
    assert off - {name} == ({"GATEWAY_SUGGESTIONS"} if name == "GATEWAY_INTROSPECTION" else set())
    assert name in off


def test_auto_is_what_production_says() -> None:
    assert read(GATEWAY_EXPLORER="AUTO").explorer
    assert not read(GATEWAY_EXPLORER="auto", GATEWAY_PRODUCTION="1", GATEWAY_API_KEYS=KEYS).explorer


def test_keys_are_read_with_their_scopes() -> None:
    [caller] = read(GATEWAY_API_KEYS=f"ada:{DIGEST}:read,raw").keys.callers.values()
    assert caller.scopes == {Scope.READ, Scope.RAW}


def test_two_parts_cannot_declare_the_same_setting() -> None:
    twice = Setting("GATEWAY_PORT", int, "1", "A port.")
    with pytest.raises(ValueError, match="GATEWAY_PORT is declared twice"):
        declared(config.OWN, [twice])


# ---- several processes


def test_several_workers_need_what_they_share_and_each_keeps_to_its_part_and_folder(tmp_path: Path) -> None:
    assert refusal("GATEWAY_WORKERS", "2").startswith("GATEWAY_STATE_URL is empty")
    shared = {"GATEWAY_STATE_URL": "redis://127.0.0.1", "GATEWAY_REPLICAS": "3"}
    chosen = read(**shared, GATEWAY_WORKERS="2", GATEWAY_DATA_DIR=str(tmp_path))
    assert chosen.parts == 6
    folders = [chosen.of_worker(number).data_dir for number in (1, 2)]
    assert folders == [tmp_path, tmp_path / "worker-2"]
    nowhere = read(**shared, GATEWAY_WORKERS="2", GATEWAY_DATA_DIR=":memory:")
    assert nowhere.of_worker(2).data_dir is None

"""Settings as data: each part declares its own, `gateway.config` reads them all once."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: how its text is read, its default (as text), and what it means.

    A `secret` may also stand in a file, which `<name>_FILE` names.
    """

    name: str
    read: Callable[[str], Any]
    default: str
    meaning: str
    secret: bool = False

    @property
    def file(self) -> str:
        """The variable that names a file with the value."""
        return f"{self.name}_FILE"


class Secret:
    """A text that shows as stars wherever it is printed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one header that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"


def text(value: str) -> str:
    """The text as it is, without space around it."""
    return value.strip()


def secret(value: str) -> Secret:
    """A key. Space around it is dropped; anything that cannot stand in a header is refused."""
    key = value.strip()
    if not key.isascii() or not key.isprintable():
        raise ValueError("holds a character that cannot stand in a header")
    return Secret(key)


def yes_no(value: str) -> bool:
    """`true` or `false`, also 1/0, yes/no, on/off."""
    word = value.strip().lower()
    if word in {"true", "1", "yes", "on"}:
        return True
    if word in {"false", "0", "no", "off", ""}:
        return False
    raise ValueError("is neither true nor false")


def words(value: str) -> tuple[str, ...]:
    """Words, separated by commas."""
    return tuple(word.strip() for word in value.split(",") if word.strip())


def share(value: str) -> float:
    """A part of a whole: more than 0, 1 at most."""
    number = float(value)
    if not 0 < number <= 1:
        raise ValueError("is not a part of a whole, such as 0.5")
    return number


def origins(value: str) -> tuple[str, ...]:
    """Origins of pages, as browsers send them: scheme, host and port."""
    found = words(value.lower())
    for origin in found:
        parts = urlsplit(origin)
        bare = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in {"http", "https"} or not parts.netloc or origin != bare or "*" in origin:
            raise ValueError("is no list of origins such as https://app.example.com")
    return found


def networks(value: str) -> tuple[str, ...]:
    """Addresses and networks."""
    found = words(value)
    for network in found:
        ipaddress.ip_network(network)
    return found


def hosts(value: str) -> tuple[str, ...]:
    """Names of hosts; one that begins with a point stands for all names below it."""
    found = words(value.lower())
    if any(set(host) & set("/:@?# *") for host in found):
        raise ValueError("is no list of host names such as files.example.com,.example.org")
    return found


def seconds(value: str) -> float:
    """A positive number of seconds."""
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError("is not a positive number of seconds")
    return number


def seconds_or_none(value: str) -> float:
    """A number of seconds; 0 for none."""
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError("is not a number of seconds")
    return number


def count(value: str) -> int:
    """A positive whole number."""
    number = int(value)
    if number < 1:
        raise ValueError("is not a positive whole number")
    return number


def port(value: str) -> int:
    """A TCP port; 0 lets the system choose."""
    number = int(value)
    if not 0 <= number <= 65_535:
        raise ValueError("is not a port")
    return number


def region(value: str) -> str:
    """An ISO 3166 country code of which the numbering plan is known: any other would make wrong numbers."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - it takes a while, and few commands need it

    code = value.strip().upper()
    if code == "UK":
        raise ValueError("is no country code; that of the United Kingdom is GB")
    if code not in SUPPORTED_REGIONS:
        raise ValueError(
            "is not the two-letter code of a country with a numbering plan (ISO 3166, such as US)"
        )
    return code


def address(value: str) -> str:
    """The address of a source: https, or plain http on loopback only."""
    url = value.strip().rstrip("/")
    if not url:
        return ""
    if not url.isprintable() or any(sign in url for sign in "?#@ ") or ".." in url:
        raise ValueError("holds more than scheme, host, port and path")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("is not an http address")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("has to be https, as the key travels with every request")
    return url


def state_url(value: str) -> Secret:
    """The address of Redis or Valkey, with a password in it, perhaps; so it shows as stars."""
    url = value.strip()
    try:
        parts = urlsplit(url)
        odd = parts.scheme not in {"redis", "rediss"} or not parts.hostname or parts.port == 0
        number = parts.path.strip("/")
        odd = odd or bool(parts.query or parts.fragment or (number and not number.isdecimal()))
    except ValueError:
        odd = True
    if url and (odd or not url.isprintable()):
        raise ValueError("is no address of the form redis://[:password@]host[:port][/number], or rediss://")
    return Secret(url)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `credentials` are `user:password`, or empty."""

    host: str
    port: int
    credentials: Secret


def proxy(value: str) -> Proxy | None:
    """The address of an HTTP proxy, with a user and a password in it, perhaps; None where it is empty."""
    url = value.strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        user, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme != "http" or parts.path.strip("/") or "\\" in url:
        raise ValueError("is no address of the form http://[user:password@]host:port")
    if not url.isprintable() or any(sign in url for sign in "?# ") or not f"{user}{password}".isprintable():
        raise ValueError("holds a sign that has to be percent-encoded, or that no user or password has")
    if ":" in user or (not user and "@" in parts.netloc):
        raise ValueError("has no user name, or one with a colon")
    return Proxy(host, port, Secret(f"{user}:{password}" if user else ""))


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


def rate(value: str) -> Rate | None:
    """`180/60` for 180 requests in 60 seconds, or `off`."""
    word = value.strip().lower()
    if word == "off":
        return None
    requests, slash, window = word.partition("/")
    if not slash:
        raise ValueError("is neither `requests/seconds` nor `off`")
    return Rate(count(requests), seconds(window))


def declared(*groups: Sequence[Setting]) -> dict[str, Setting]:
    """All settings of several parts by name; two parts must not claim the same one."""
    found: dict[str, Setting] = {}
    for setting in (setting for group in groups for setting in group):
        if setting.name in found:
            raise ValueError(f"{setting.name} is declared twice")
        found[setting.name] = setting
    return found

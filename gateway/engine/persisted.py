"""Documents that are known before they are asked for: those that callers registered, those of a manifest."""

import hashlib
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.engine.documents import LARGEST_KEPT, Document, Documents, InvalidDocument
from gateway.engine.limits import TooComplex
from gateway.model.caller import Caller

APOLLO: Final = "apollo-persisted-query-manifest"
LARGEST_MANIFEST: Final = 16 * 1024 * 1024  # bytes
LONGEST_ID: Final = 256
MOST_TOLD: Final = 10  # documents of a manifest that are not valid
SHA256: Final = "sha256:"  # before a hash that stands as an id (GraphQL over HTTP)

Owner = tuple[str, str]
Key = tuple[str, str]


class Mode(StrEnum):
    """What a manifest means for documents that do not stand in it: nothing, a line in the log, the end."""

    OFF = "off"
    AUDIT = "audit"
    ENFORCE = "enforce"


class BadManifest(Exception):
    """A manifest that is not taken; its text names what is odd, and follows the name of the setting."""


def digest(text: str) -> str:
    """The hash by which a document is known."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _Entry:
    text: str
    size: int
    owner: Owner


class Registered:
    """Texts that callers registered, by account and hash. Bounded in number and bytes.

    Every text counts for one of its callers. Where there are too many, the oldest goes of the caller who
    holds the most, in the account that holds the most: who registers without end drops their own. A text
    that others use too counts for the one who holds less, so it stays when the other one's go.
    """

    def __init__(self, *, most: int = 1_000, most_bytes: int = 4_000_000) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: dict[Key, _Entry] = {}
        self._held: dict[Owner, OrderedDict[Key, None]] = {}  # oldest use first
        self._sizes: Counter[Owner] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def used_bytes(self) -> int:
        """The memory of all texts."""
        return self._sizes.total()

    def get(self, caller: Caller, hash_: str) -> str | None:
        """The text with a hash, where somebody of the account has registered it."""
        key, owner = (caller.account, hash_), _owner(caller)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.owner != owner and self._sizes[owner] + entry.size < self._sizes[entry.owner]:
            self._release(key, entry)
            self._hold(key, entry, owner)
        self._held[entry.owner].move_to_end(key)
        return entry.text

    def put(self, caller: Caller, hash_: str, text: str) -> None:
        """Keep a valid document. Its hash has been compared."""
        if len(text) > LARGEST_KEPT or self.get(caller, hash_) is not None:
            return
        entry = _Entry(text, sys.getsizeof(text), _owner(caller))
        key = (caller.account, hash_)
        self._entries[key] = entry
        self._hold(key, entry, entry.owner)
        while len(self._entries) > self._most or self.used_bytes > self._most_bytes:
            oldest = next(iter(self._held[self._largest()]))
            self._release(oldest, self._entries.pop(oldest))

    def _largest(self) -> Owner:
        """Who holds the most, in the account that holds the most."""
        accounts: Counter[str] = Counter()
        for (account, _), size in self._sizes.items():
            accounts[account] += size
        return max(self._sizes, key=lambda owner: (accounts[owner[0]], owner[0], self._sizes[owner]))

    def _hold(self, key: Key, entry: _Entry, owner: Owner) -> None:
        entry.owner = owner
        self._held.setdefault(owner, OrderedDict())[key] = None
        self._sizes[owner] += entry.size

    def _release(self, key: Key, entry: _Entry) -> None:
        owner = entry.owner
        del self._held[owner][key]
        self._sizes[owner] -= entry.size
        if not self._held[owner]:
            del self._held[owner], self._sizes[owner]


@dataclass(frozen=True, slots=True)
class Listed:
    """A document of a manifest."""

    text: str
    document: Document


class Manifest:
    """The documents of a manifest, by id, hash and text. `mark` tells its content from another one."""

    def __init__(self, listed: Mapping[str, Listed], mark: str) -> None:
        self.mark = mark
        self._by_id = dict(listed)
        self._by_hash = {digest(each.text): each for each in listed.values()}
        self._by_text = {each.text: each.document for each in listed.values()}

    def __len__(self) -> int:
        return len(self._by_id)

    def named(self, name: str) -> Listed | None:
        """The document that an id or a hash names."""
        return self._by_id.get(name) or self._by_hash.get(name.removeprefix(SHA256))

    def of_text(self, text: str) -> Document | None:
        """The document with exactly this text."""
        return self._by_text.get(text)


NOTHING: Final = Manifest({}, "")


def mark(path: Path) -> str:
    """What tells the content of a file from another one; the empty text where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def read(path: Path, documents: Documents) -> Manifest:
    """The manifest in a file, each document valid and within limits. Raises BadManifest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadManifest(f"cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadManifest("is no path of a file.") from None
    if len(content) > LARGEST_MANIFEST:
        raise BadManifest(f"names a file of more than {LARGEST_MANIFEST} bytes.")
    listed: dict[str, Listed] = {}
    odd: list[str] = []
    for name, said in _operations(content):
        text = said["body"]
        if not name or len(name) > LONGEST_ID or not name.isprintable():
            raise BadManifest(f"holds an id that is not a text of 1 to {LONGEST_ID} signs.")
        if name in listed and listed[name].text != text:
            raise BadManifest(f"holds two documents with the id {name}.")
        try:
            document = documents.checked(text)
        except (InvalidDocument, TooComplex) as error:
            odd.append(f"{name}{_called(said)}: {_first(error)}")
            continue
        if not _fits(said, document):
            odd.append(f"{name}{_called(said)}: its name or type is not that of its operation.")
        listed[name] = Listed(text, document)
    if odd:
        more = f"\n({len(odd) - MOST_TOLD} more)" if len(odd) > MOST_TOLD else ""
        told = "\n".join(odd[:MOST_TOLD])
        raise BadManifest(f"holds documents that are not valid here:\n{told}{more}")
    if not listed:
        raise BadManifest("names a file without any document.")
    return Manifest(listed, hashlib.sha256(content).hexdigest())


def _operations(content: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Id and operation of everything in a manifest: Apollo's, or a plain map of ids to texts."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise BadManifest("names a file that is not JSON.") from None
    if not isinstance(found, dict):
        raise BadManifest("names a file that holds no JSON object.")
    operations = found.get("operations")
    if not isinstance(operations, list):
        operations = [{"id": name, "body": text} for name, text in found.items()]
    elif found.get("format") != APOLLO or found.get("version") != 1:
        raise BadManifest(f"names a file of another format than {APOLLO}, version 1, or id to text.")
    for each in operations:
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in ("id", "body")):
            raise BadManifest("holds something that is no document with an id and a text.")
        yield each["id"], each


def _fits(said: Mapping[str, Any], document: Document) -> bool:
    """Whether an operation is what the manifest says of it, where it says something."""
    name, kind = said.get("name"), said.get("type")
    return any(
        name in (None, each.name) and kind in (None, each.kind) for each in document.operations.values()
    )


def _called(said: Mapping[str, Any]) -> str:
    name = said.get("name")
    return f" ({name[:LONGEST_ID]})" if isinstance(name, str) and name.isprintable() else ""


def _first(error: InvalidDocument | TooComplex) -> str:
    return error.errors[0].message if isinstance(error, InvalidDocument) else error.message


def _owner(caller: Caller) -> Owner:
    """For whom something counts, whatever keys of sources the caller brings along."""
    return caller.home or caller.account, caller.name

"""The emulators of the three sources, and what they have answered so far, ready to be sent again.

Bodies are never written down anywhere: they are the emulators' own, of this run.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.applications import Starlette

from gateway.model.source import Source
from gateway.sandbox import Emulator, emulators
from gateway.upstreams.people import Population

PAGE: Final = 20
RICH_PAGE: Final = 50
MEMBERS: Final = 5
PEOPLE_IN_GROUPS: Final = 30
KEY: Final = (
    (b"x-api-key", b"any"),
    (b"authorization", b"Bearer any"),
    (b"content-type", b"application/json"),
)
MOST_ANSWERS: Final = 60_000
GRAPHQL: Final = "/crm/api"
CONTACTS: Final = "/v1/contacts"

# What every contact of J4 has, where it has nothing of its own: with the three of the system, 20 properties.
NEW_PROPERTIES: Final = ("Account Tier", "Preferred Language")
FILLED: Final = {
    "firstName": "Imke",
    "lastName": "Vandersloot",
    "email": "imke@example.com",
    "phoneNumber": "202-555-0100",
    "company": "Lumen Optics",
    "jobTitle": "Architect",
    "birthday": "1980-04-10T00:00:00.000Z",
    "leadStatus": "contacted",
    "notes": "Prefers to be called in the afternoon.",
    "website": "https://lumenoptics.example.com",
    "city": "Portland",
    "leadScore": "84",
    "newsletter": "true",
    "segments": "partner",
    "officeLocation": "45.531, -122.684",
    "accountTier": "gold",
    "preferredLanguage": "de",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the lists of the sources the pages of each job begin."""

    people: list[int]  # of every source; those of Smart Sender all have a chat
    groups: list[int]  # PackageX groups of five members; those of a page share 30 people
    rich: list[int]  # Samespace contacts with 20 properties


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One source. `filtered`: Samespace as it is with the filter that its documents do not promise."""

    emulator: Emulator
    lock: asyncio.Lock
    filtered: bool = False
    answers: dict[bytes, bytes] = field(default_factory=dict)

    async def answer(self, key: bytes, method: str, target: str, body: bytes) -> bytes:
        """What is sent, head and body; the emulator is asked the first time only."""
        async with self.lock:
            if isinstance(getattr(self.emulator, "offers_filter", None), bool):
                self.emulator.offers_filter = self.filtered  # type: ignore[attr-defined]
            status, headers, said = await ask(self.emulator.app, method, target, body)
        lines = [b"HTTP/1.1 %d OK" % status]
        lines += [name + b": " + value for name, value in headers if name != b"content-length"]
        sent = b"\r\n".join([*lines, b"content-length: %d" % len(said), b"", said])
        if len(self.answers) < MOST_ANSWERS:
            self.answers[key] = sent
        return sent


async def ask(
    app: Starlette, method: str, target: str, body: bytes = b""
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body that an application answers, without a socket."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": KEY,
    }
    status, headers, parts = 0, [], []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], message["headers"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, headers, b"".join(parts)


async def prepared(people: int, pages: int) -> tuple[dict[str, Recorded], Places]:
    """The sources by the variable of their address, with so many pages of what the jobs need in them."""
    built = emulators(Population(size=people, seed=1))
    for emulator in built.values():
        emulator.switches.rate_limits = False
    lock = asyncio.Lock()
    sources = {
        "SAMESPACE_URL": Recorded(built[Source.SAMESPACE], lock),
        "FILTERED_URL": Recorded(built[Source.SAMESPACE], lock, filtered=True),
        "PACKAGEX_URL": Recorded(built[Source.PACKAGEX], lock),
        "SMART_SENDER_URL": Recorded(built[Source.SMART_SENDER], lock),
    }
    await leave_chats(built[Source.SMART_SENDER].app, pages)
    groups = await add_groups(built[Source.PACKAGEX].app, pages)
    rich = await add_rich(built[Source.SAMESPACE].app, pages)
    await read_all(sources["PACKAGEX_URL"], "type=person&limit=100", "data")
    await read_all(sources["SMART_SENDER_URL"], "limitation=20", "collection")
    return sources, Places([PAGE * page for page in range(pages)], groups, rich)


async def read_all(source: Recorded, size: str, member: str) -> None:
    """Record every contact by its id, so that jobs which ask for others each time need not wait for it."""
    page, listed = 1, [None]
    while listed:
        answer = await call(source.emulator.app, "GET", f"{CONTACTS}?{size}&page={page}")
        page, listed = page + 1, answer[member]
        for each in listed:
            target = f"{CONTACTS}/{each['id']}"
            await source.answer(f"GET {target} HTTP/1.1".encode(), "GET", target, b"")


async def leave_chats(smart_sender: Starlette, pages: int) -> None:
    """Delete whoever has no chat from the first pages: one without takes a call more."""
    kept, page, pages_held = 0, 1, 1
    without: list[str] = []
    while kept < pages * PAGE and page <= pages_held:
        listed = await call(smart_sender, "GET", f"{CONTACTS}?page={page}&limitation={PAGE}")
        for each in listed["collection"]:
            one = f"{CONTACTS}/{each['id']}"
            status, _, _ = await ask(smart_sender, "GET", f"{one}/chat")
            kept += status == 200
            without += [one] * (status != 200)
        page, pages_held = page + 1, listed["cursor"]["pages"]
    for one in without:
        await ask(smart_sender, "DELETE", one)


async def add_groups(packagex: Starlette, pages: int) -> list[int]:
    """Groups after those that are there."""
    people: list[str] = []
    while len(people) < pages * PEOPLE_IN_GROUPS:
        target = f"{CONTACTS}?type=person&limit=100&page={1 + len(people) // 100}"
        listed = await call(packagex, "GET", target)
        people += [each["id"] for each in listed["data"]]
        if not listed["pagination"]["has_more"]:
            break
    found = await call(packagex, "GET", f"{CONTACTS}?type=group&limit=1")
    held = found["pagination"]["total_count"]
    start = -(-held // PAGE) * PAGE
    for number in range(held, start + pages * PAGE):
        made = await call(packagex, "POST", CONTACTS, {"type": "group", "name": f"Team {number}"})
        first = max(0, number - start) // PAGE * PEOPLE_IN_GROUPS
        members = [
            people[(first + (number * MEMBERS + each) % PEOPLE_IN_GROUPS) % len(people)]
            for each in range(MEMBERS)
        ]
        lists = {"group_contacts": {"children": members, "primary": members[:1]}}
        await call(packagex, "POST", f"{CONTACTS}/{made['data']['id']}", lists)
    return [start + PAGE * page for page in range(pages)]


async def add_rich(samespace: Starlette, pages: int) -> list[int]:
    """Contacts with every property, after all others."""
    held = await query(samespace, "{ getContacts(query: {limit: 1000000}) { properties } }")
    create = "mutation ($payload: CreatePropertyInput!) { createProperty(payload: $payload) { key } }"
    for label in NEW_PROPERTIES:
        await query(samespace, create, payload={"label": label, "type": "TEXT"})
    create = "mutation ($pairs: [KeyValueInput!]!) { createContact(properties: $pairs) { _id } }"
    for number in range(pages * RICH_PAGE):
        own = {key: cell["value"] for key, cell in held[number % len(held)]["properties"].items()}
        values = FILLED | {key: value for key, value in own.items() if isinstance(value, str)}
        pairs = [{"key": key, "value": value} for key, value in values.items()]
        await query(samespace, create, pairs=pairs)
    return [len(held) + RICH_PAGE * page for page in range(pages)]


async def query(samespace: Starlette, text: str, **variables: Any) -> Any:
    """The value of the one root field of a document."""
    body = orjson.dumps({"query": text, "variables": variables})
    _, _, said = await ask(samespace, "POST", GRAPHQL, body)
    (value,) = orjson.loads(said)["data"].values()
    return value


async def call(app: Starlette, method: str, target: str, body: Any = None) -> Any:
    """The JSON that an application answers."""
    return orjson.loads((await ask(app, method, target, b"" if body is None else orjson.dumps(body)))[2])

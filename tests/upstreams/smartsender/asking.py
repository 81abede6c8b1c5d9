"""How the tests talk to the emulator: one request, one answer, a clock that they set."""

import json
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.upstreams.people import Population
from gateway.upstreams.smartsender.emulator import Emulator

HERE = Path(__file__).parents[1]
CONTRACT = yaml.safe_load((HERE / "contracts" / "smartsender.openapi.yaml").read_text())
VERBS = ("get", "post", "put", "delete")
OPERATIONS = sorted(
    entry["operationId"]
    for path in CONTRACT["paths"].values()
    for verb, entry in path.items()
    if verb in VERBS
)
TOKEN = {"Authorization": "Bearer st-demo-token"}
IMKE, TADEO = "/contacts/50417", "/contacts/50433"
NOOR = {"identifier": "12025550120", "firstName": "Noor", "phone": "+12025550120"}
LAST_WORD = 1_741_285_300.0  # 2025-03-06 18:21:40, when the desk answers in the examples


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = LAST_WORD) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def emulator(size: int = 240, *, examples: bool = False, clock: Clock | None = None) -> Emulator:
    """An emulator for `size` people; without people it has those of the examples only, if wanted."""
    made = Emulator(Population(size), clock or Clock())
    if examples:
        made.add_examples()
    return made


async def ask(to: Emulator, verb: str, path: str, **parts: Any) -> httpx.Response:
    """Send one request to a path below /v1."""
    transport = httpx.ASGITransport(app=to.app)
    parts.setdefault("headers", TOKEN)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        return await client.request(verb, f"/v1{path}", **parts)


async def get(to: Emulator, path: str, **query: Any) -> Any:
    """The body of a successful read."""
    answer = await ask(to, "GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def example(operation: str, part: str) -> Any:
    """One file of the published examples."""
    return json.loads((HERE / "examples" / f"smartsender.{operation}.{part}.json").read_text())


def unlimited(size: int = 240, *, examples: bool = False, clock: Clock | None = None) -> Emulator:
    project = emulator(size, examples=examples, clock=clock)
    project.switches.rate_limits = False
    return project


async def everybody(project: Emulator) -> list[dict[str, Any]]:
    pages = (await get(project, "/contacts"))["cursor"]["pages"]
    return [
        contact
        for page in range(1, pages + 1)
        for contact in (await get(project, "/contacts", page=page))["collection"]
    ]


async def with_gates(project: Emulator, amount: int) -> list[int]:
    ids = [contact["id"] for contact in await everybody(project)]
    return [i for i in ids if len((await get(project, f"/contacts/{i}/gates"))["collection"]) == amount]


async def variables(project: Emulator, place: str = IMKE) -> dict[str, Any]:
    return {held["name"]: held["value"] for held in (await get(project, place))["variables"]}


def complaints(answer: httpx.Response) -> dict[str, list[str]]:
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == (422, "The given data was invalid")
    fields: dict[str, list[str]] = error["fields"]
    return fields

"""What the emulator answers is what the OpenAPI file promises."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.upstreams.smartsender.asking import CONTRACT, OPERATIONS, VERBS, ask, emulator, example, get
from tests.upstreams.smartsender.test_emulator_examples import ERRORS, use_up

REGISTRY: Registry[Any] = Registry().with_resource("urn:contract", DRAFT202012.create_resource(CONTRACT))
ENTRIES = {
    entry["operationId"]: (path, verb, entry)
    for path, verbs in CONTRACT["paths"].items()
    for verb, entry in verbs.items()
    if verb in VERBS
}


def promised(pointer: str, body: Any) -> None:
    """Hold a body to the schema below a JSON pointer of the contract."""
    Draft202012Validator({"$ref": f"urn:contract#{pointer}"}, registry=REGISTRY).validate(body)


def answer_pointer(operation: str) -> str:
    path, verb, entry = ENTRIES[operation]
    response = entry["responses"]["200"]
    place = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    start = (
        response["$ref"].removeprefix("#") if "$ref" in response else f"/paths/{place}/{verb}/responses/200"
    )
    return f"{start}/content/application~1json/schema"


async def send_example(project: Any, operation: str) -> httpx.Response:
    request = example(operation, "request")
    return await ask(
        project,
        request["method"],
        request["path"].removeprefix("/v1"),
        params=request.get("query"),
        json=request.get("body"),
    )


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_answer_has_the_promised_shape(operation: str) -> None:
    answer = await send_example(emulator(240, examples=True), operation)
    assert answer.status_code == 200
    promised(answer_pointer(operation), answer.json())


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_error_has_the_promised_shape(operation: str) -> None:
    project = emulator(0, examples=True)
    await use_up(project, 180 if operation == "listVariables" else 0)
    verb, path, parts = ERRORS[operation]
    answer = await ask(project, verb, path, **parts)
    promised("/components/schemas/Error", answer.json())
    assert answer.status_code == answer.json()["error"]["code"]


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if "requestBody" in ENTRIES[name][2]])
def test_the_published_request_has_the_promised_shape(operation: str) -> None:
    path, verb, _ = ENTRIES[operation]
    place = path.replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    pointer = f"/paths/{place}/{verb}/requestBody/content/application~1json/schema"
    promised(pointer, example(operation, "request")["body"])


async def test_everything_the_sandbox_holds_has_the_promised_shape() -> None:
    project = emulator()
    project.switches.rate_limits = False
    project.switches.gate_tells_contact = True
    page, pages = 1, 1
    while page <= pages:
        contacts = await get(project, "/contacts", page=page)
        promised(answer_pointer("listContacts"), contacts)
        for contact in contacts["collection"]:
            place = f"/contacts/{contact['id']}"
            promised(answer_pointer("getContactInfo"), await get(project, f"{place}/info"))
            promised(answer_pointer("listContactGates"), await get(project, f"{place}/gates"))
            promised(answer_pointer("listContactGroups"), await get(project, f"{place}/groups"))
            messages = await get(project, f"{place}/messages", activities=1)
            promised(answer_pointer("listContactMessages"), messages)
            chat = await ask(project, "GET", f"{place}/chat")
            schema = (
                answer_pointer("getContactChat") if chat.status_code == 200 else "/components/schemas/Error"
            )
            promised(schema, chat.json())
        page, pages = page + 1, contacts["cursor"]["pages"]
    assert pages == 6


def test_every_operation_of_the_contract_is_emulated() -> None:
    project = emulator(0)
    ours = {
        (getattr(route, "path", ""), verb)
        for route in project.app.routes
        for verb in getattr(route, "methods", ())
    }
    theirs = {(f"/v1{path}", verb.upper()) for path, verb, _ in ENTRIES.values()}
    assert theirs <= ours
    assert len(theirs) == 24

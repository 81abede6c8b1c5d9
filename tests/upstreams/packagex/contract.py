"""A client of the emulator that holds every answer against the contract."""

from pathlib import Path
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gateway.upstreams.packagex.emulator import Emulator

CONTRACT = Path(__file__).parent.parent / "contracts" / "packagex.openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
REGISTRY: Registry[Any] = Registry().with_resource("urn:packagex", DRAFT202012.create_resource(DOCUMENT))


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"urn:packagex#/components/schemas/{name}"}, registry=REGISTRY)


def connect(emulator: Emulator, **headers: str) -> httpx.AsyncClient:
    """Talk to the emulator with a key; documented answers have to be as documented."""

    async def check(response: httpx.Response) -> None:
        request = response.request
        template = "/contacts" if request.url.path == "/v1/contacts" else "/contacts/{contact}"
        if not request.url.path.startswith("/v1/contacts"):
            return
        answers = DOCUMENT["paths"][template][request.method.lower()]["responses"]
        documented = answers.get(str(response.status_code))
        if documented is None:
            return
        if "$ref" in documented:
            documented = DOCUMENT["components"]["responses"][documented["$ref"].rsplit("/", 1)[1]]
        await response.aread()
        (content_type, content), *_ = documented["content"].items()
        assert response.headers["content-type"] == content_type
        schema(content["schema"]["$ref"].rsplit("/", 1)[1]).validate(response.json())
        assert response.json()["status"] == response.status_code

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=emulator.app),
        base_url="http://emulator",
        headers={"PX-API-KEY": "px-demo-key"} | headers,
        event_hooks={"response": [check]},
    )

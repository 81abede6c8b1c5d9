"""Calls as a client makes them, without the envelope."""

from typing import Any

import httpx

Json = dict[str, Any]


async def listed(api: httpx.AsyncClient, **query: Any) -> list[Json]:
    response = await api.get("/v1/contacts", params=query)
    assert response.status_code == 200, response.text
    data: list[Json] = response.json()["data"]
    return data


async def everybody(api: httpx.AsyncClient, **query: Any) -> list[Json]:
    found: list[Json] = []
    page, more = 0, True
    while more:
        page += 1
        body = (await api.get("/v1/contacts", params={"limit": 100, "page": page} | query)).json()
        found += body["data"]
        more = body["pagination"]["has_more"]
    return found


async def created(api: httpx.AsyncClient, **body: Any) -> Json:
    response = await api.post("/v1/contacts", json=body)
    assert response.status_code == 201, response.text
    data: Json = response.json()["data"]
    return data


async def updated(api: httpx.AsyncClient, identity: str, **body: Any) -> Json:
    response = await api.post(f"/v1/contacts/{identity}", json=body)
    assert response.status_code == 200, response.text
    data: Json = response.json()["data"]
    return data


def refused(response: httpx.Response, *errors: str) -> bool:
    body = response.json()
    return response.status_code == 400 and body["code"] == "validation_failed" and body["errors"] == [*errors]

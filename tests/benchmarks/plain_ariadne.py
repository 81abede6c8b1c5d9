"""ariadne and httpx in front of the three sources, as written by someone who has just met them.

uvicorn tests.benchmarks.plain_ariadne:app
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import httpx
from aiodataloader import DataLoader
from ariadne import MutationType, ObjectType, QueryType, load_schema_from_path, make_executable_schema
from ariadne.asgi import GraphQL

SAMESPACE = os.environ["FILTERED_URL"] + "/crm/api"
PACKAGEX = os.environ["PACKAGEX_URL"]
SMART_SENDER = os.environ["SMART_SENDER_URL"]
PAGE = 'query ($q: QueryInput) { getContacts(moduleName: "Contacts", query: $q) { _id module properties } }'
TYPES = {
    **{
        word: word
        for word in "TEXT NUMBER BOOLEAN DATE DATE_TIME EMAIL PHONE URL ENUM REFERENCE JSON".split()
    },
    "TEXTAREA": "TEXT",
    "STRING": "TEXT",
    "SELECT": "ENUM",
    "MULTI_SELECT": "ENUM",
    "DROPDOWN": "ENUM",
}

client = httpx.AsyncClient(timeout=None)

query = QueryType()
mutation = MutationType()
contact = ObjectType("Contact")
group = ObjectType("Group")


async def get_samespace(**wanted):
    body = {"query": PAGE, "variables": {"q": wanted}}
    response = await client.post(SAMESPACE, json=body, headers={"x-api-key": "benchmark"})
    response.raise_for_status()
    return response.json()["data"]["getContacts"]


async def get_packagex(path, **params):
    response = await client.get(PACKAGEX + path, params=params, headers={"PX-API-KEY": "benchmark"})
    response.raise_for_status()
    return response.json()["data"]


async def get_smart_sender(path, **params):
    headers = {"authorization": "Bearer benchmark"}
    response = await client.get(SMART_SENDER + path, params=params, headers=headers)
    if response.status_code == 404:
        return None
    response.raise_for_status()
    return response.json()


@query.field("contact")
async def resolve_contact(_, info, by):
    source, _, id = by["id"].partition(":")
    if source == "SAMESPACE":
        records = await get_samespace(skip=0, limit=1, filter={"_id": {"$in": [id]}})
        return from_samespace(records[0]) if records else None
    if source == "PACKAGEX":
        return await info.context["people"].load(id)
    record = await get_smart_sender(f"/contacts/{id}")
    return record and from_smart_sender(record)


@query.field("contacts")
async def resolve_contacts(_, info, sources, first=20, after="0"):
    offset = int(after)
    if sources == ["SAMESPACE"]:
        nodes = [from_samespace(record) for record in await get_samespace(skip=offset, limit=first)]
    elif sources == ["PACKAGEX"]:
        nodes = [from_packagex(record) for record in await packagex_page("person", first, offset)]
    else:
        answer = await get_smart_sender("/contacts", page=1 + offset // first, limitation=first)
        nodes = [from_smart_sender(record) for record in answer["collection"]]
    return {"nodes": nodes}


@query.field("groups")
async def resolve_groups(_, info, first=20, after="0"):
    return {"nodes": await packagex_page("group", first, int(after))}


async def packagex_page(kind, first, offset):
    order = {"order_by": "created_at", "direction": "asc"}
    return await get_packagex("/contacts", page=1 + offset // first, limit=first, type=kind, **order)


@mutation.field("createContact")
async def resolve_create_contact(_, info, input):
    headers = {"PX-API-KEY": "benchmark"}
    response = await client.post(f"{PACKAGEX}/contacts", json=input["contact"], headers=headers)
    response.raise_for_status()
    return {"contacts": [from_packagex(response.json()["data"])]}


@contact.field("chat")
async def resolve_chat(contact, info):
    chat = await get_smart_sender(f"/contacts/{contact['vendorId']}/chat")
    return chat and {**chat, "unreadMessages": sum(gate["unreadMessages"] for gate in chat["gates"])}


@contact.field("communications")
async def resolve_communications(contact, info):
    gates = await get_smart_sender(f"/contacts/{contact['vendorId']}/gates", page=1, limitation=20)
    return {"nodes": gates["collection"]}


@group.field("members")
async def resolve_members(group, info, first=20):
    ids = group["group_contacts"]["children"][:first]
    return {"nodes": await info.context["people"].load_many(ids)}


async def load_people(ids):
    return await asyncio.gather(*[load_person(id) for id in ids])


async def load_person(id):
    return from_packagex(await get_packagex(f"/contacts/{id}"))


def from_samespace(record):
    held = {key: cell["value"] for key, cell in record["properties"].items()}
    first, last = held.get("firstName"), held.get("lastName")
    email, phone = held.get("email"), held.get("phoneNumber")
    return {
        "id": f"SAMESPACE:{record['_id']}",
        "displayName": " ".join(part for part in (first, last) if part) or held.get("name") or email or phone,
        "firstName": first,
        "lastName": last,
        "email": email,
        "phone": phone,
        "company": held.get("company"),
        "createdAt": held.get("createdAt"),
        "properties": [
            {"key": key, "value": cell["value"], "type": TYPES.get(cell["type"], "OTHER")}
            for key, cell in record["properties"].items()
        ],
    }


def from_packagex(record):
    first, _, last = (record["name"] or "").strip().partition(" ")
    created = datetime.fromtimestamp(record["created_at"], UTC)
    return {
        "id": f"PACKAGEX:{record['id']}",
        "displayName": record["name"] or record["email"] or record["phone"],
        "firstName": first or None,
        "lastName": last.strip() or None,
        "email": record["email"],
        "phone": record["phone"],
        "createdAt": created.isoformat().replace("+00:00", "Z"),
    }


def from_smart_sender(record):
    variables = {each["name"].lower(): each["value"] for each in record["variables"]}
    return {
        "id": f"SMART_SENDER:{record['id']}",
        "vendorId": record["id"],
        "displayName": record["fullName"] or record["email"] or record["phone"],
        "firstName": record["firstName"],
        "lastName": record["lastName"],
        "email": record["email"],
        "phone": record["phone"],
        "company": variables.get("company"),
        "createdAt": record["createdAt"].replace(" ", "T") + "Z",
    }


schema = make_executable_schema(
    load_schema_from_path(str(Path(__file__).with_name("others.graphql"))), query, mutation, contact, group
)
app = GraphQL(schema, context_value=lambda *_: {"people": DataLoader(load_people)})

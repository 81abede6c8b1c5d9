"""Contacts that have nothing but what is said."""

from typing import Any

from gateway.model.contact import Contact, ContactKey
from gateway.model.source import Source

NOW = "2026-01-02T03:04:05.678Z"


def contact(source: Source, vendor_id: str, **more: Any) -> Contact:
    """A contact of a source; its first e-mail and phone follow from the lists."""
    emails, phones = more.get("emails", []), more.get("phones", [])
    return {  # type: ignore[typeddict-item]
        "__typename": "Contact",
        "id": f"{source}:{vendor_id}",
        "source": source,
        "sourceId": vendor_id,
        "displayName": None,
        "firstName": None,
        "lastName": None,
        "email": emails[0] if emails else None,
        "emails": [],
        "phone": phones[0] if phones else None,
        "phones": [],
        "company": None,
        "notes": [],
        "address": None,
        "avatarUrl": None,
        "tags": [],
        "funnels": [],
        "createdAt": None,
        "updatedAt": None,
        "asOf": NOW,
        "_key": ContactKey(source, "", vendor_id),
        "_properties": [],
        "_raw": {"id": vendor_id},
        **more,
    }


def held(source: Source, key: str, value: Any) -> dict[str, Any]:
    """A property of a contact."""
    return {"key": key, "value": value, "type": "TEXT", "_source": source, "_module": ""}


def address(**more: Any) -> dict[str, Any]:
    """An address that has nothing but what is said."""
    return {
        "id": None,
        "formatted": None,
        "line1": None,
        "line2": None,
        "city": None,
        "state": None,
        "stateCode": None,
        "postalCode": None,
        "country": None,
        "countryCode": None,
        "latitude": None,
        "longitude": None,
        "timezone": None,
        "verified": None,
        **more,
    }

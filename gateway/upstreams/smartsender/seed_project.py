"""The project that every token opens in the sandbox: its channels, tags, funnels, groups, variables, events.

All of it is only ever read; contacts refer to these very records.
"""

from typing import Any, Final

Record = dict[str, Any]


def _channel(
    number: int, kind: str, name: str, *, link: str, app: str | None = None, active: bool = True
) -> Record:
    return {
        "id": number,
        "active": active,
        "occupied": active,
        "type": kind,
        "name": name,
        "referrer": 1,
        "link": link,
        "app": app,
        "createdAt": "2024-11-20 12:00:00",
        "updatedAt": "2025-01-09 07:31:10",
    }


def _tag(number: int, name: str, color: str, created: str) -> Record:
    return {"id": number, "name": name, "color": color, "createdAt": created}


def _variable(
    number: int, name: str, kind: str, description: str | None = None, values: str | None = None
) -> Record:
    return {"id": number, "name": name, "type": kind, "description": description, "values": values}


def _by(key: str, *records: Record) -> dict[Any, Record]:
    return {record[key]: record for record in records}


CHANNELS: Final[dict[int, Record]] = _by(
    "id",
    _channel(2, "whatsapp", "Front desk", link="https://wa.example.com/frontdesk"),
    _channel(
        5,
        "telegram",
        "frontdesk_bot",
        link="https://t.example.com/frontdesk_bot",
        app="tg://resolve?domain=frontdesk_bot",
    ),
    _channel(
        8,
        "viber",
        "Front desk Viber",
        link="https://viber.example.com/frontdesk",
        app="viber://pa?chatURI=frontdesk",
    ),
    _channel(11, "instagram", "frontdesk.shop", link="https://ig.example.com/frontdesk.shop"),
    _channel(14, "facebook", "Front desk page", link="https://fb.example.com/frontdesk", active=False),
)
TAGS: Final[dict[int, Record]] = _by(
    "id",
    _tag(72, "new lead", "2E86DE", "2023-11-02 09:00:12"),
    _tag(74, "subscriber", "27AE60", "2023-11-02 09:01:40"),
    _tag(77, "wholesale", "8E44AD", "2023-11-06 14:25:03"),
    _tag(81, "vip", "FF8800", "2025-02-11 10:02:44"),
    _tag(82, "returning", "16A085", "2023-11-09 16:48:30"),
    _tag(85, "complaint", "C0392B", "2023-11-13 08:12:55"),
    _tag(90, "birthday club", "F1C40F", "2023-11-13 11:37:21"),
)
FUNNELS: Final[dict[str, Record]] = _by(
    "serviceKey",
    {"id": 12, "name": "Welcome", "serviceKey": "wlc7Qd2"},
    {"id": 15, "name": "Abandoned basket", "serviceKey": "abk3Xf9"},
    {"id": 18, "name": "Reorder reminder", "serviceKey": "rrm8Jt4"},
    {"id": 21, "name": "Feedback after delivery", "serviceKey": "fad5Kp1"},
    {"id": 27, "name": "Winter sale", "serviceKey": "wsl2Vn6"},
)
GROUPS: Final[dict[int, Record]] = _by(
    "id",
    {"id": 4, "name": "Night shift"},
    {"id": 6, "name": "Wholesale buyers"},
    {"id": 9, "name": "Pilot programme"},
    {"id": 13, "name": "Newsletter readers"},
    {"id": 17, "name": "Waiting for a call"},
)
# `photo` bears the name of a system field on purpose: in `/info` the system field wins.
VARIABLES: Final[dict[str, Record]] = _by(
    "name",
    _variable(7, "city", "string", "Home town"),
    _variable(9, "visits", "number", "How often the person came by"),
    _variable(11, "citizenGrade", "enum", None, "gold,silver"),
    _variable(13, "billingEmail", "email", "Where invoices go"),
    _variable(15, "emergencyPhone", "phone", "Whom to call instead"),
    _variable(16, "birthday", "date"),
    _variable(18, "website", "url"),
    _variable(20, "language", "enum", "Language of the conversation", "English,Español,Português"),
    _variable(21, "balance", "number", "Store credit in dollars"),
    _variable(23, "photo", "url", "Portrait for the loyalty card"),
)
EVENTS: Final = frozenset(
    "InvoicePaid InvoiceOverdue OrderPlaced OrderShipped OrderDelivered BasketAbandoned AppointmentBooked "
    "AppointmentCancelled SubscriptionRenewed".split()
)
OPERATORS: Final = ("Desk One", "Desk Two", "Marisol Kent")

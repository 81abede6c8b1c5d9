"""The records of the published examples; the sandbox does not have them, only the test that replays them."""

from typing import Final

from gateway.upstreams.samespace.emulator_files import Table
from gateway.upstreams.samespace.emulator_store import Contact
from gateway.upstreams.samespace.seed import USERS

CONTACTS: Final = (
    Contact(
        "6700b1c2d3e4f5a6b7c8e001",
        {
            "firstName": "Imke",
            "lastName": "Vandersloot",
            "email": "imke@example.com",
            "phoneNumber": "12025550111",
            "owner": USERS[0],
            "createdBy": USERS[0],
            "createdAt": "2025-03-04T09:15:27.031Z",
        },
    ),
    Contact(
        "6700b1c2d3e4f5a6b7c8e002",
        {
            "firstName": "Tadeo",
            "lastName": "Quiroga",
            "phoneNumber": "202-555-0112",
            "company": "Brightwater Ltd",
            "owner": USERS[0],
            "createdBy": USERS[0],
            "createdAt": "2025-03-05T16:40:02.500Z",
        },
    ),
)
FILE_UUID: Final = "0f3c9a54-6d1e-4a7b-9b0a-2d4c6e8f1a35"
FILE: Final = Table(
    ["first", "last", "mail", "phone", "branch"],
    [
        {
            "first": "Noor",
            "last": "Aldana",
            "mail": "noor@example.com",
            "phone": "12025550120",
            "branch": "North",
        },
        {
            "first": "Piet",
            "last": "Orsini",
            "mail": "piet@example.com",
            "phone": "12025550121",
            "branch": "South",
        },
    ],
)
REFUSED_PHONE: Final = "12025550121"

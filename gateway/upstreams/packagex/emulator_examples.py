"""The records of the published examples; the last three only make up their number, which is five persons."""

from typing import Final

from gateway.upstreams.packagex.emulator_addresses import Address
from gateway.upstreams.packagex.seed import Record, contact

STAMP: Final = 1_741_079_727

HARBOR_ROW: Final[Address] = {
    "id": "addr_7Yd2Kq9Lm4Vx",
    "hash": "3f9c0b7e51",
    "line1": "18 Harbor Row",
    "line2": "Unit 4",
    "city": "Portland",
    "state": "Oregon",
    "state_code": "OR",
    "country": "United States",
    "country_code": "US",
    "postal_code": "97209",
    "formatted_address": "18 Harbor Row, Unit 4, Portland, OR 97209, US",
    "textarea": "18 Harbor Row, Portland, OR 97209, US",
    "timezone": "America/Los_Angeles",
    "verified": True,
    "latitude": 45.531,
    "longitude": -122.684,
}
EXAMPLES: Final[tuple[Record, ...]] = (
    contact(
        "contact_2Lk8vQy5Tn3Wc7Rb9Zs4Hd",
        "person",
        "Imke Vandersloot",
        STAMP,
        email="imke@example.com",
        phone="+12025550111",
        address=HARBOR_ROW,
        metadata={"crm": "A-17"},
    ),
    contact("contact_6Fp1mXe9Gu4Ja2Ky8Do7Ni", "person", "Tadeo Quiroga", STAMP, email="tadeo@example.com"),
    contact("contact_9Bt3cHw7Ol5Qz1Ex6Ma2Us", "group", "Harbor Office", STAMP),
    contact("contact_5Wd8rTb2Yh6Kp4Nc1Vq7Lx", "person", "Ursel Oakley", STAMP, email="ursel@example.com"),
    contact("contact_8Mj3fZs7Ca9Xe2Gt5Bu6Ro", "person", "Vito Lindgren", STAMP, phone="+12025550131"),
    contact("contact_3Qn6yLk1Pw8Hv5Dj4Ie9Sf", "person", "Wanda Tull", STAMP, notes="Works nights."),
)

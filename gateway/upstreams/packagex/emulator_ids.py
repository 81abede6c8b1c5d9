"""Opaque ids out of serial numbers and back, so that a seeded record is found without making the others."""

from dataclasses import dataclass
from typing import Final

from gateway.upstreams.people import scatter

SIGNS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SERIAL_BITS: Final = 36
ODD: Final = 0x9E3779B97  # spreads neighbouring serials; odd, so that it can be undone
UNDO: Final = pow(ODD, -1, 1 << SERIAL_BITS)

# Serials of persons are their numbers; what is seeded beside them and what is new start further up.
GROUPS_FROM: Final = 1 << 32
NEW_FROM: Final = 2 << 32


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of one kind of thing: a prefix and so many signs of base 62."""

    prefix: str
    digits: int

    def id(self, serial: int) -> str:
        """The id that belongs to a serial number."""
        room = len(SIGNS) ** self.digits >> SERIAL_BITS
        noise = (scatter(serial, 1) << 64 | scatter(serial, 2)) % room
        value = noise << SERIAL_BITS | serial * ODD % (1 << SERIAL_BITS)
        signs = []
        for _ in range(self.digits):
            value, sign = divmod(value, len(SIGNS))
            signs.append(SIGNS[sign])
        return self.prefix + "".join(reversed(signs))

    def serial(self, text: str) -> int | None:
        """The serial number of an id; None when the id is not one of these."""
        signs = text.removeprefix(self.prefix)
        if len(signs) != self.digits or not set(signs) <= set(SIGNS):
            return None
        value = 0
        for sign in signs:
            value = value * len(SIGNS) + SIGNS.index(sign)
        serial = value * UNDO % (1 << SERIAL_BITS)
        return serial if self.id(serial) == text else None


CONTACT_IDS: Final = Ids("contact_", 22)
ADDRESS_IDS: Final = Ids("addr_", 12)
LOCATION_IDS: Final = Ids("loc_", 12)

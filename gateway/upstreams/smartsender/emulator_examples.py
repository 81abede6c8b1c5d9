"""The contacts of the published examples, for replaying them."""

from typing import Final

from gateway.upstreams.smartsender.emulator_store import Store
from gateway.upstreams.smartsender.seed import Gate, Record, Resident, Talk, message, stamp
from gateway.upstreams.smartsender.seed_project import FUNNELS, GROUPS, TAGS

LAST_WORD: Final = 1_741_285_205  # 2025-03-06 18:20:05
NEWEST_MESSAGE: Final = 770_001
GATE: Final = 90_112
WORDS: Final = (
    "Is the desk open?", "Hello?", "You are welcome, Imke.", "Thank you!", "It is kept under your name.",
    "Do I need to bring anything?", "Yes, it came this morning.", "Has my parcel arrived?",
)  # fmt: skip


def add_examples(store: Store) -> None:
    """Add Imke Vandersloot and Tadeo, and let the next gate and message have the numbers of the examples."""
    store.add(Resident(record=_imke(), make_talk=_imkes_talk, groups=[GROUPS[4]]))
    store.add(Resident(record=_tadeo(), make_talk=lambda: Talk([], [])))
    store.next_gate = 90_140
    store.next_message = NEWEST_MESSAGE + 1


def _imke() -> Record:
    return {
        "id": 50417,
        "firstName": "Imke",
        "lastName": "Vandersloot",
        "fullName": "Imke Vandersloot",
        "email": "imke@example.com",
        "phone": "+12025550111",
        "photo": None,
        "tags": [TAGS[81]],
        "funnels": [FUNNELS["wlc7Qd2"]],
        "notes": [
            {
                "id": 3,
                "content": "Prefers mornings",
                "createdAt": "2025-03-05 08:00:00",
                "user": {"fullName": "Desk One", "photo": None},
            }
        ],
        "variables": [
            {"id": 7, "name": "city", "type": "string", "value": "Portland"},
            {"id": 9, "name": "visits", "type": "number", "value": 4},
        ],
        "createdAt": "2025-03-04 09:15:27",
        "updatedAt": "2025-03-06 18:20:05",
    }


def _tadeo() -> Record:
    return {
        "id": 50433,
        "firstName": "Tadeo",
        "lastName": None,
        "fullName": "Tadeo",
        "email": None,
        "phone": "+12025550112",
        "photo": None,
        "tags": [],
        "funnels": [],
        "notes": [],
        "variables": [],
        "createdAt": "2025-03-04 09:15:27",
        "updatedAt": "2025-03-06 18:20:05",
    }


def _imkes_talk() -> Talk:
    """Two pages of messages; the two newest are Imke's and unread."""
    gate = Gate(id=GATE, channel=2, identifier="12025550111", unread=2)
    messages = []
    for age in range(3 * len(WORDS)):
        wrote = age % 8 in {0, 1, 3, 5, 7}
        sender = {
            "type": "contact" if wrote else "operator",
            "fullName": "Imke Vandersloot" if wrote else "Desk One",
            "image": None,
        }
        content = {"type": "text", "parameters": {"content": WORDS[age % 8]}}
        messages.append(message(NEWEST_MESSAGE - age, GATE, sender, content, stamp(LAST_WORD - 95 * age)))
    return Talk([gate], messages[::-1])

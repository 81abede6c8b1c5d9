"""Smart Sender as its documents describe it, in memory.

Where the documents are silent: ids that are not numbers are unknown (404), a body that is not a JSON object
counts as an empty one, an empty list has 0 pages, and all tokens open the same project with one budget.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.upstreams.emulation import Switchboard, control_routes
from gateway.upstreams.people import Population
from gateway.upstreams.smartsender import emulator_checks as checks
from gateway.upstreams.smartsender import seed_project as project
from gateway.upstreams.smartsender.emulator_checks import Refused
from gateway.upstreams.smartsender.emulator_examples import add_examples
from gateway.upstreams.smartsender.emulator_limit import RateLimit
from gateway.upstreams.smartsender.emulator_request import Asked, json_object, page_of, token
from gateway.upstreams.smartsender.emulator_store import Store, write
from gateway.upstreams.smartsender.seed import Gate, Record, Resident, message, stamp

DONE: Final[Record] = {"state": True}
CHAT_AFTER_CONTACT: Final = 10_783  # 61200 is the chat of contact 50417
TWIN_AFTER_CONTACT: Final = 5_314  # 55731 is the messenger-side id of contact 50417


@dataclass(slots=True)
class Switches(Switchboard):
    """The shared switches and two of this vendor.

    `gate_tells_contact` adds the contact to every gate; `delete_status` (405, 410) is what the deprecated
    delete answers once it has been removed.
    """

    gate_tells_contact: bool = False
    delete_status: int | None = None


Handle = Callable[[Asked], Record]


class Emulator:
    """A project of Smart Sender with the people of the population in it."""

    def __init__(self, people: Population, clock: Callable[[], float] = time.time) -> None:
        self.switches = Switches()
        self._clock = clock
        self._limit = RateLimit()
        self._store = Store(people)
        routes = [self._route(*operation) for operation in self._operations()]
        self.app = Starlette(
            routes=[*routes, *control_routes(self.switches)],
            exception_handlers={404: self._lost, 405: self._lost},
        )
        self.app.router.redirect_slashes = False

    @property
    def refused(self) -> int:
        """How many requests were answered with 429."""
        return self._limit.refused

    @property
    def locks(self) -> int:
        """How many locks were started."""
        return self._limit.locks

    def add_examples(self) -> None:
        """Add the records of the published examples."""
        add_examples(self._store)

    def _operations(self) -> Sequence[tuple[str, str, str, Handle]]:
        contact, channel = "/v1/contacts/{contactId}", "/v1/channels/{channelId}"
        return [
            ("GET", "/v1/contacts", "listContacts", self._list_contacts),
            ("GET", "/v1/contacts/search", "searchContacts", self._search_contacts),
            ("GET", contact, "getContact", self._get_contact),
            ("PUT", contact, "updateContact", self._update_contact),
            ("DELETE", contact, "deleteContact", self._delete_contact),
            ("GET", f"{contact}/info", "getContactInfo", self._get_contact_info),
            ("GET", f"{contact}/chat", "getContactChat", self._get_contact_chat),
            ("GET", f"{contact}/gates", "listContactGates", self._list_contact_gates),
            ("POST", f"{contact}/fire", "fireEvent", self._fire_event),
            ("POST", f"{contact}/merge/{{targetContactId}}", "mergeContacts", self._merge_contacts),
            ("POST", f"{channel}/gates", "createGate", self._create_gate),
            ("GET", "/v1/channels", "listChannels", self._list_channels),
            ("GET", channel, "getChannel", self._get_channel),
            ("GET", "/v1/variables", "listVariables", self._list_variables),
            ("GET", f"{contact}/funnels", "listContactFunnels", self._list_contact_funnels),
            ("POST", f"{contact}/funnels/{{serviceKey}}", "addContactFunnel", self._add_contact_funnel),
            (
                "DELETE",
                f"{contact}/funnels/{{serviceKey}}",
                "removeContactFunnel",
                self._remove_contact_funnel,
            ),
            ("POST", f"{contact}/tags/{{tagId}}", "addContactTag", self._add_contact_tag),
            ("DELETE", f"{contact}/tags/{{tagId}}", "removeContactTag", self._remove_contact_tag),
            ("GET", f"{contact}/groups", "listContactGroups", self._list_contact_groups),
            ("POST", f"{contact}/groups/{{serviceId}}", "addContactGroup", self._add_contact_group),
            ("DELETE", f"{contact}/groups/{{serviceId}}", "removeContactGroup", self._remove_contact_group),
            ("GET", f"{contact}/messages", "listContactMessages", self._list_contact_messages),
            ("POST", f"{contact}/send", "sendContactMessage", self._send_contact_message),
        ]

    # How a request is answered.

    def _route(self, verb: str, path: str, operation: str, handle: Handle) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self.switches.play([operation], self._answering(request, handle))

        return Route(path, endpoint, methods=[verb])

    async def _lost(self, request: Request, problem: Exception) -> Response:
        def handle(_: Asked) -> Record:
            status = problem.status_code if isinstance(problem, HTTPException) else 404
            raise Refused(status, "Method not allowed" if status == 405 else "Not found")

        return await self.switches.play([], self._answering(request, handle))

    def _answering(self, request: Request, handle: Handle) -> Callable[[], Awaitable[Response]]:
        async def answer() -> Response:
            now, limited = self._clock(), self.switches.rate_limits
            locked_for = self._limit.ask(now) if limited else 0
            left = self._limit.left(now) if limited else self._limit.budget
            headers = {"X-Rate-Limit": str(left)}
            try:
                if locked_for:
                    headers["Retry-After"] = str(locked_for)
                    raise Refused(429, "Too many requests")
                if not token(request):
                    raise Refused(401, "Unauthenticated")
                body = json_object(await request.body())
                answer = handle(Asked(request.path_params, request.query_params, body))
                return JSONResponse(answer, headers=headers)
            except Refused as refused:
                return JSONResponse(refused.body(), refused.status, headers)

        return answer

    # Contacts.

    def _list_contacts(self, asked: Asked) -> Record:
        return self._contacts(self._store.ids, asked)

    def _search_contacts(self, asked: Asked) -> Record:
        return self._contacts(self._store.search(checks.term(asked.query)), asked)

    def _get_contact(self, asked: Asked) -> Record:
        return _detailed(self._contact(asked))

    def _get_contact_info(self, asked: Asked) -> Record:
        contact = _detailed(self._contact(asked))
        plain = {variable["name"]: variable["value"] for variable in contact.pop("variables")}
        return contact | {name: value for name, value in plain.items() if name not in contact}

    def _update_contact(self, asked: Asked) -> Record:
        resident = self._contact(asked)
        held = [write(resident.record, name, value) for name, value in checks.values(asked.body).items()]
        if any(held):
            self._changed(resident)
        return DONE

    def _delete_contact(self, asked: Asked) -> Record:
        if status := self.switches.delete_status:
            raise Refused(status, "Method not allowed" if status == 405 else "Gone")
        self._store.remove(self._contact(asked).id)
        return DONE

    def _fire_event(self, asked: Asked) -> Record:
        self._contact(asked)
        return {"state": checks.event_name(asked.body, asked.query) in project.EVENTS}

    def _merge_contacts(self, asked: Asked) -> Record:
        survivor, target = self._contact(asked), self._contact(asked, "targetContactId")
        same = survivor.id == target.id
        checks.insist({"targetContactId": ["must differ from contactId"]} if same else {})
        self._store.merge(survivor, target)
        self._changed(survivor)
        return DONE

    # Chats, gates and messages.

    def _get_contact_chat(self, asked: Asked) -> Record:
        resident = self._chatting(asked)
        record, messages = resident.record, resident.talk.messages
        return {
            "id": resident.id + CHAT_AFTER_CONTACT,
            "name": record["fullName"],
            "image": record["photo"],
            "contact": _twin(resident),
            "gates": [self._gate(gate, resident) for gate in resident.talk.gates],
            "createdAt": record["createdAt"],
            "updatedAt": max([record["updatedAt"], *(message["createdAt"] for message in messages[-1:])]),
        }

    def _list_contact_gates(self, asked: Asked) -> Record:
        resident = self._contact(asked)
        return page_of([self._gate(gate, resident) for gate in resident.talk.gates], asked)

    def _create_gate(self, asked: Asked) -> Record:
        channel = self._get_channel(asked)
        whatsapp = channel["type"] == "whatsapp"
        checks.insist({} if whatsapp else {"channelId": ["must be a WhatsApp channel"]})
        checks.check_gate(asked.body)
        known = self._store.gate(channel["id"], asked.body["identifier"])
        resident, gate = known or self._store.arrive(channel["id"], asked.body, stamp(self._clock()))
        return self._gate(gate, resident)

    def _list_contact_messages(self, asked: Asked) -> Record:
        resident, internal = self._contact(asked), checks.activities(asked.query)
        newest_first = reversed(resident.talk.messages)
        return page_of([message for message in newest_first if internal or not message["internal"]], asked)

    def _send_contact_message(self, asked: Asked) -> Record:
        resident, body = self._chatting(asked), asked.body
        checks.check_message(body)
        names = {"media": "url"}
        content = {
            "type": body["type"],
            "parameters": {names.get(name, name): body[name] for name in checks.SEND_NEEDS[body["type"]]},
        }
        sender = {"type": "operator", "fullName": project.OPERATORS[0], "image": None}
        gate = resident.talk.gates[0]
        sent = message(self._store.next_message, gate.id, sender, content, stamp(self._clock()))
        self._store.next_message += 1
        self._store.keep(resident)
        resident.talk.messages.append(sent)
        return sent

    # The project.

    def _list_channels(self, asked: Asked) -> Record:
        return page_of(list(project.CHANNELS.values()), asked)

    def _get_channel(self, asked: Asked) -> Record:
        return _known(project.CHANNELS, checks.whole(asked.path["channelId"]), "Channel")

    def _list_variables(self, asked: Asked) -> Record:
        term = asked.query.get("term", "").lower()
        return page_of([held for name, held in project.VARIABLES.items() if term in name.lower()], asked)

    # Funnels, tags and groups of a contact.

    def _list_contact_funnels(self, asked: Asked) -> Record:
        return page_of(self._contact(asked).record["funnels"], asked)

    def _add_contact_funnel(self, asked: Asked) -> Record:
        return self._put(asked, "funnels", _known(project.FUNNELS, asked.path["serviceKey"], "Funnel"))

    def _remove_contact_funnel(self, asked: Asked) -> Record:
        return self._take(asked, "funnels", _known(project.FUNNELS, asked.path["serviceKey"], "Funnel"))

    def _add_contact_tag(self, asked: Asked) -> Record:
        return self._put(asked, "tags", _known(project.TAGS, checks.whole(asked.path["tagId"]), "Tag"))

    def _remove_contact_tag(self, asked: Asked) -> Record:
        return self._take(asked, "tags", _known(project.TAGS, checks.whole(asked.path["tagId"]), "Tag"))

    def _list_contact_groups(self, asked: Asked) -> Record:
        return page_of(self._contact(asked).groups, asked)

    def _add_contact_group(self, asked: Asked) -> Record:
        return self._put(
            asked, "groups", _known(project.GROUPS, checks.whole(asked.path["serviceId"]), "Group")
        )

    def _remove_contact_group(self, asked: Asked) -> Record:
        return self._take(
            asked, "groups", _known(project.GROUPS, checks.whole(asked.path["serviceId"]), "Group")
        )

    # Parts of the above.

    def _contact(self, asked: Asked, name: str = "contactId") -> Resident:
        number = checks.whole(asked.path[name])
        resident = None if number is None else self._store.find(number)
        if resident is None:
            raise Refused(404, "Contact not found")
        return resident

    def _chatting(self, asked: Asked) -> Resident:
        resident = self._contact(asked)
        if not resident.talk.gates:
            raise Refused(404, "Chat not found")
        return resident

    def _changed(self, resident: Resident) -> None:
        resident.record["updatedAt"] = stamp(self._clock())
        self._store.keep(resident)

    def _contacts(self, ids: Sequence[int], asked: Asked) -> Record:
        page = page_of(ids, asked)
        residents = (self._store.find(number) for number in page["collection"])
        return page | {"collection": [_detailed(resident) for resident in residents if resident]}

    def _gate(self, gate: Gate, resident: Resident) -> Record:
        shown: Record = {
            "id": gate.id,
            "subscribed": gate.subscribed,
            "unreadMessages": gate.unread,
            "channel": project.CHANNELS[gate.channel],
        }
        return shown | {"contact": _twin(resident)} if self.switches.gate_tells_contact else shown

    def _put(self, asked: Asked, kind: str, thing: Record) -> Record:
        resident = self._contact(asked)
        held = resident.groups if kind == "groups" else resident.record[kind]
        if thing not in held:
            held.append(thing)
            self._changed(resident)
        return DONE

    def _take(self, asked: Asked, kind: str, thing: Record) -> Record:
        resident = self._contact(asked)
        held = resident.groups if kind == "groups" else resident.record[kind]
        if thing in held:
            held.remove(thing)
            self._changed(resident)
        return DONE


def _known(records: Mapping[Any, Record], key: object, noun: str) -> Record:
    if key not in records:
        raise Refused(404, f"{noun} not found")
    return records[key]


def _twin(resident: Resident) -> Record:
    return {"id": resident.id + TWIN_AFTER_CONTACT, "originalId": resident.id}


def _detailed(resident: Resident) -> Record:
    """The contact with detailed variables; numbers of some contacts come as text."""
    record = resident.record
    if not resident.numbers_as_text:
        return dict(record)
    variables = [
        held | {"value": str(held["value"])} if held["type"] == "number" else held
        for held in record["variables"]
    ]
    return record | {"variables": variables}

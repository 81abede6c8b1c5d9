"""People: by name, as a list, and where their records agree and differ."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from graphql import GraphQLResolveInfo

from gateway.context.asked import Asked
from gateway.context.loaders import Loader
from gateway.errors import BadInput, CursorInvalid
from gateway.federation import asking, paging
from gateway.federation.asking import Arguments
from gateway.federation.people import People as Book
from gateway.federation.people import Sightings, contacts_of
from gateway.identity import survivors
from gateway.identity.clusters import Conflict
from gateway.identity.likeness import likeness
from gateway.identity.rules import FIELDS
from gateway.model import ids
from gateway.model.contact import Contact, ContactKey
from gateway.model.outcome import Connection
from gateway.model.person import FieldProvenance, IdentityConflict, Person, PersonSuggestion
from gateway.model.source import Source
from gateway.model.text import folded

T = TypeVar("T")

MOST_SUGGESTIONS: Final = 20
LOOKED_AT: Final = 200  # records whose names have a word in common with a person's
SHORTEST: Final = 3  # letters of a word that is looked for
MOST_SHOWN: Final = 100  # records of one conflict


@dataclass(slots=True)
class People:
    """The verbs of people."""

    asked: Asked
    _book: Book | None = None
    _loader: "Loader[ContactKey, Person] | None" = None
    _read: dict[ContactKey, Contact] = field(default_factory=dict)
    _told: set[Source] = field(default_factory=set)

    @property
    def book(self) -> Book:
        """The people as this request sees them."""
        if self._book is None:
            asked = self.asked
            self._book = Book(asked.directory, asked.caller, asked.max_age)
        return self._book

    def renew(self) -> None:
        """Something was written: what was seen before is not relied on any more."""
        self._book = self._loader = None
        self._read.clear()

    async def by(self, by: Arguments, info: GraphQLResolveInfo[Any]) -> Person | None:
        """The person that a `PersonBy` names; None with a warning where an e-mail or phone is of several."""
        if by.get("id") is not None:
            return await self._seen(self.book.by_id(by["id"]), info)
        if by.get("contact") is not None:
            return await self._seen(self._by_contact(by["contact"]), info)
        kind = "email" if by.get("email") is not None else "phone"
        text = asking.text(by[kind], f"by.{kind}") or ""
        holding = self.book.by_email if kind == "email" else self.book.by_phone
        found, seen = await holding(text)
        self._tell(seen, info)
        if len(found) > 1:
            self.asked.warnings.append(
                {
                    "message": f"{len(found)} people hold this {kind}, and it does not tell which is meant. "
                    "Look at identityConflicts, or use contacts(filter:).",
                    "path": info.path.as_list(),
                    "code": BadInput.code,
                }
            )
            return None
        return found[0] if found else None

    async def by_id(self, text: str) -> Person | None:
        """The person of an id."""
        return await self._seen(self.book.by_id(text))

    async def _by_contact(self, text: str) -> Person | None:
        key = self.asked.key_of(text)
        self.asked.upstream(key.source)
        found = (await self.book.of([key])).get(key)
        if found is not None:
            return found
        contact = await self.asked.contact(key)
        if contact is None:
            return None
        await self.book.known([contact])
        return (await self.book.of([contact["_key"]])).get(contact["_key"])

    def of_contact(self, contact: Contact, info: GraphQLResolveInfo[Any]) -> Awaitable[Person | None]:
        """The person of a contact."""
        if self._loader is None:
            self._loader = Loader(self._find, self.asked.loaders.work)
        self._read[contact["_key"]] = contact
        return self._seen(self._loader.load(contact["_key"]), info)

    async def _find(self, some: Sequence[ContactKey]) -> Any:
        contacts = [self._read[key] for key in some]
        store, account = self.asked.directory.index.store, self.asked.directory.account
        for place, contact in enumerate(contacts):
            held = contact["_properties"] is not None
            if not held and not store.get(account, contact["source"].value, [contact["sourceId"]]):
                contacts[place] = await self.asked.contact(contact["_key"]) or contact
        await self.book.known(contacts)
        return await self.book.of(some)

    async def _seen(self, found: Awaitable[T], info: GraphQLResolveInfo[Any] | None = None) -> T:
        """What was asked for, with a warning for each source whose records are told as last seen."""
        answer = await found
        self._tell(await self.book.look(), info)
        return answer

    def _tell(self, seen: Sightings, info: GraphQLResolveInfo[Any] | None) -> None:
        """Warn of each source whose records are told as last seen; once in a request."""
        for source, error in seen.stale().items():
            if source in self._told:
                continue
            self._told.add(source)
            why = error.message if error else "Its index is older or less complete than asked."
            warning: dict[str, Any] = {
                "message": f"Records of {source.value} are told as they were last seen. {why}",
                "code": "STALE",
                "source": source.value,
            }
            if info is not None:
                warning["path"] = info.path.as_list()
            if error is not None and error.retry_after is not None:
                warning["retryAfterSeconds"] = error.retry_after
            self.asked.warnings.append(warning)

    async def _listed(self, page: Connection, info: GraphQLResolveInfo[Any]) -> Connection:
        """A page, with a warning for each source that did not answer for it, or was answered for."""
        failed = (each for each in page["sources"] if each["code"] and each["status"] != "STALE")
        self._told.update(each["source"] for each in failed)
        self._tell(await self.book.look(), info)
        return self.asked.told(page, info)

    async def written(self, text: str | None) -> Person | None:
        """The person of a payload, as it is after the write."""
        return None if text is None else await self.book.by_id(text)

    async def all_of(self, texts: Sequence[str]) -> list[Person]:
        """The people of contacts, by their global ids, each person once."""
        some = [self.asked.key_of(text) for text in texts]
        found = await self.book.of(some)
        people = {found[key]["id"]: found[key] for key in some if key in found}
        return list(people.values())

    async def page(self, arguments: Arguments, info: GraphQLResolveInfo[Any]) -> Connection:
        """A page of everybody."""
        first, after = asking.page(arguments)
        search = asking.text(arguments.get("search"), "search")
        return await self._listed(await self.book.page(first, after, search), info)

    def provenance(self, person: Person, fields: Sequence[str] | None) -> list[FieldProvenance]:
        """Every value of some fields, or of all."""
        rules = self.asked.directory.rules
        members = contacts_of(person)
        return [survivors.provenance(members, each, rules) for each in _fields(fields)]

    async def suggestions(self, person: Person, first: int | None) -> list[PersonSuggestion]:
        """Records that look like a person's, the most alike first."""
        count = 5 if first is None else first
        if not 1 <= count <= MOST_SUGGESTIONS:
            raise BadInput(f"first has to be between 1 and {MOST_SUGGESTIONS}; it is {count}.")
        seen = await self.book.look()
        members = contacts_of(person)
        mine = {contact["id"] for contact in members}
        found: list[PersonSuggestion] = []
        for contact in (await self._alike(members, seen)).values():
            alike = None if contact["id"] in mine else likeness(members, contact)
            if alike is not None and not self._refused(members, contact, seen):
                found.append({"contact": contact, "score": alike[0], "reasons": alike[1]})
        return sorted(found, key=lambda each: (-each["score"], each["contact"]["id"]))[:count]

    async def _alike(self, members: Sequence[Contact], seen: Sightings) -> dict[int, Contact]:
        """Records whose names share the longest word with a person's, or another one."""
        words = {word for each in members for word in folded(each["displayName"] or "").split()}
        directory = self.asked.directory
        rows: dict[int, None] = {}
        for word in sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True):
            if len(rows) < LOOKED_AT:
                more = await directory.index.store.walk(
                    directory.account, seen.sight, search=word, after=0, limit=LOOKED_AT
                )
                rows.update(dict.fromkeys(more))
        return directory.census.contacts(list(rows)[:LOOKED_AT])

    def _refused(self, members: Sequence[Contact], contact: Contact, seen: Sightings) -> bool:
        """Whether somebody has said that these are not one."""
        never = seen.heard.spoken.never.get(contact["_key"].ref, frozenset())
        return any(member["_key"].ref in never for member in members)

    async def drift(self, arguments: Arguments, info: GraphQLResolveInfo[Any]) -> Connection:
        """A page of the people whose sources disagree, worst first."""
        first, after = asking.page(arguments)
        fields = _fields(arguments.get("fields"))
        seen = await self.book.look()
        mark = paging.fingerprint("drift", self.asked.directory.account, fields)
        everybody = await self.asked.directory.census.drift(seen.sight, fields)
        if after is not None:
            place = paging.unseal(after, mark, 4)[2:]
            if not all(isinstance(each, int) for each in place):
                raise CursorInvalid(paging.BROKEN)
            everybody = [each for each in everybody if [each.worse, each.first] > place]
        shown = everybody[:first]
        made = self.book.made([each.cluster for each in shown], seen)
        there = [each for each in shown if each.cluster.rows in made]
        cursors = [paging.seal([paging.VERSION, mark, each.worse, each.first]) for each in there]
        more = len(everybody) > first
        page = self.book.connection(
            [made[each.cluster.rows] for each in there], cursors, seen, after=after, more=more
        )
        return await self._listed(page, info)

    async def conflicts(self, arguments: Arguments, info: GraphQLResolveInfo[Any]) -> dict[str, Any]:
        """A page of what is held apart."""
        first, after = asking.page(arguments)
        directory = self.asked.directory
        seen = await self.book.look()
        self._tell(seen, info)
        mark = paging.fingerprint("identityConflicts", directory.account)
        everything = sorted(await directory.census.conflicts(seen.sight), key=_place)
        if after is not None:
            row, told = paging.unseal(after, mark, 4)[2:]
            if not isinstance(row, int) or not isinstance(told, str):
                raise CursorInvalid(paging.BROKEN)
            everything = [each for each in everything if _place(each) > (row, told)]
        shown = [(each, made) for each in everything[:first] if (made := self._conflict(each)) is not None]
        cursors = [paging.seal([paging.VERSION, mark, *_place(each)]) for each, _ in shown]
        nodes = [made for _, made in shown]
        return {
            "nodes": nodes,
            "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
            "pageInfo": paging.info(cursors, after, more=len(everything) > first),
        }

    def _conflict(self, held: Conflict) -> IdentityConflict | None:
        """A conflict; None where less than two of its records are still there."""
        directory = self.asked.directory
        contacts = list(directory.census.contacts(held.places[:MOST_SHOWN]).values())
        if len(contacts) < 2:
            return None
        first = contacts[0]
        mark = paging.fingerprint(held.mark)
        return {
            "id": ids.encode(
                "IdentityConflict", directory.account, first["source"].value, first["sourceId"], mark
            ),
            "contacts": contacts,
            "reason": held.reason,
        }


def _place(held: Conflict) -> tuple[int, str]:
    return held.places[0], paging.fingerprint(held.places, held.mark)


def _fields(named: Sequence[str] | None) -> tuple[str, ...]:
    if named is None:
        return FIELDS
    wrong = sorted(set(named) - set(FIELDS))
    if wrong or not named:
        raise BadInput(f"fields may name {', '.join(FIELDS)}.")
    return tuple(name for name in FIELDS if name in named)

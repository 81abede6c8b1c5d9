"""What people say by hand of records: these are one, these are not, these never are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.federation.people import People
from gateway.identity.clusters import Spoken
from gateway.journal.spoken import Heard, Pair, pair, spoken
from gateway.model.contact import ContactKey
from gateway.model.event import EventType, Happening
from gateway.model.person import Saying, Statement
from gateway.model.writing import UserErrorCode
from gateway.writing import inputs
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given

MOST: Final = 20  # records in one statement
LONGEST_REASON: Final = 500
FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Links:
    """Statements by hand. Each replaces what was said before of the same two records."""

    desk: Desk
    people: People
    now: Callable[[], str]

    async def link(self, given: Given) -> Done:
        """These are one person."""
        return await self._say(given, EventType.CONTACTS_LINKED, "linked", self._linked)

    async def unlink(self, given: Given) -> Done:
        """What was linked is so no more; records that only keys join are kept apart from now on."""
        return await self._say(given, EventType.CONTACTS_UNLINKED, "unlinked", self._unlinked)

    async def never(self, given: Given) -> Done:
        """These are never one person, whatever they share."""
        return await self._say(given, EventType.CONTACTS_UNLINKED, "neverSame", self._never)

    async def _say(self, given: Given, type_: EventType, verb: str, sayings: Any) -> Done:
        wrong = Complaints()
        keys = inputs.contact_ids(given["contacts"], self.desk.account, wrong, "contacts")
        reason = self._reason(given, wrong)
        await self._check(keys, given["contacts"], wrong)
        if wrong:
            return Done(_payload([], wrong))
        heard = await self.desk.directory.sayings.hear(self.desk.account)
        refs = {f"{key.source.value}:{key.id}": key for key in keys.values()}
        pairs = [pair(*each) for each in combinations(sorted(refs), 2)]
        said: Mapping[Pair, tuple[Saying | None, Saying | None]] = await sayings(refs, pairs, heard)
        if not said:
            text = (
                "Nothing joins these records, so there is nothing to take apart. neverSame keeps them apart."
            )
            wrong.add(UserErrorCode.CONFLICT, text, "contacts")
            return Done(_payload(list(keys), wrong))
        now, actor = self.now(), self.desk.caller.name
        statements = [
            Statement(one=one, other=other, saying=saying, actor=actor, reason=reason, at=now, before=before)
            for (one, other), (saying, before) in said.items()
        ]
        payload = {"contacts": list(keys), "reason": reason, "verb": verb}
        happenings = [
            Happening(type=type_, source=key.source, contact=text, payload=payload)
            for text, key in keys.items()
        ]
        return Done(_payload(list(keys), wrong), happenings=happenings, statements=statements)

    def _reason(self, given: Given, wrong: Complaints) -> str:
        reason: str = given["reason"].strip()
        if not reason:
            wrong.add(UserErrorCode.REQUIRED, "Say why, for whoever looks at it later.", "reason")
        elif len(reason) > LONGEST_REASON or not reason.isprintable():
            text = f"A reason is one line of at most {LONGEST_REASON} signs."
            wrong.add(UserErrorCode.INVALID, text, "reason")
        return reason

    async def _check(self, keys: Mapping[str, ContactKey], texts: Sequence[str], wrong: Complaints) -> None:
        """Complain of records that are too few, too many, not there, or not for this caller."""
        if keys and len({(key.source, key.id) for key in keys.values()}) < FEWEST:
            wrong.add(UserErrorCode.REQUIRED, "Name at least two different contacts.", "contacts")
        if len(keys) > MOST:
            wrong.add(UserErrorCode.TOO_LARGE, f"At most {MOST} contacts are taken.", "contacts")
        for text, key in keys.items():
            try:
                self.desk.upstream(key.source)
            except GatewayError as error:
                wrong.add(UserErrorCode.UNSUPPORTED, error.message, "contacts", texts.index(text))
        if not wrong:
            paths: dict[str, Sequence[str | int]] = {text: ("contacts", texts.index(text)) for text in keys}
            failures = await self.desk.check_there(keys, wrong, paths)
            for text, failure in failures.items():
                why = f"Nobody can say now whether there is such a contact. {failure.message}"
                wrong.add(UserErrorCode.NOT_FOUND, why, *paths[text], source=keys[text].source)

    async def _linked(
        self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard
    ) -> dict[Pair, tuple[Saying | None, Saying | None]]:
        forbidden = [each for each in pairs if each in heard.said and heard.said[each].saying is Saying.NEVER]
        by_keys = await self._together(refs, forbidden, heard) if forbidden else set()
        found: dict[Pair, tuple[Saying | None, Saying | None]] = {}
        for each in pairs:
            held = heard.said.get(each)
            if each in by_keys:  # the keys join them, once that is no longer forbidden
                found[each] = (None, None)
            elif held is not None and held.saying is Saying.SAME:
                found[each] = (Saying.SAME, held.before)
            else:
                found[each] = (Saying.SAME, held.saying if held else None)
        return found

    async def _unlinked(
        self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard
    ) -> dict[Pair, tuple[Saying | None, Saying | None]]:
        together = await self._together(refs, (), heard)
        found: dict[Pair, tuple[Saying | None, Saying | None]] = {}
        for each in pairs:
            held = heard.said.get(each)
            if held is not None and held.saying is Saying.SAME:
                found[each] = (held.before, None)
            elif held is None and each in together:
                found[each] = (Saying.NEVER, None)
        return found

    async def _never(
        self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard
    ) -> dict[Pair, tuple[Saying | None, Saying | None]]:
        del refs, heard
        return dict.fromkeys(pairs, (Saying.NEVER, None))

    async def _together(
        self, refs: Mapping[str, ContactKey], without: Sequence[Pair], heard: Heard
    ) -> set[Pair]:
        """Which pairs are one person, as the caller sees them, but for some statements."""
        seen = await self.people.look()
        said: Spoken = spoken(each for place, each in heard.said.items() if place not in without)
        return await self.people.together(list(refs.values()), said, seen)


def _payload(contacts: Sequence[str], wrong: Complaints) -> dict[str, Any]:
    return {"people": list(contacts), "userErrors": wrong.found}

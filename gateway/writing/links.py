"""What people say by hand of records: these are one, these are not, these never are."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.federation.people import People
from gateway.index.heirs import sees
from gateway.journal.spoken import Heard, Pair, contradicts, pair, reached, spoken
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
UNSEEN: Final = "Your key does not cover the module of this contact, or its contacts are not people."
FORBIDDEN: Final = (
    "With what is linked to these already this would join records that are never one person. Link those as "
    "well, or unlink these from theirs first."
)
CHAINED: Final = (
    "These are linked by way of other records, and it cannot be told which of those links is wrong. Name the "
    "others as well, or unlink them first."
)

Said = dict[Pair, tuple[Saying | None, Saying | None]]
"""What is said of each pair now, and what was said before."""

Sayings = Callable[[Mapping[str, ContactKey], Sequence[Pair], Heard], Awaitable[Said]]


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

    async def _say(self, given: Given, type_: EventType, verb: str, sayings: Sayings) -> Done:
        wrong = Complaints()
        keys = inputs.contact_ids(given["contacts"], self.desk.account, wrong, "contacts")
        reason = self._reason(given, wrong)
        await self._check(keys, given["contacts"], wrong)
        if wrong:
            return Done(_payload([], wrong))
        heard = await self.desk.directory.sayings.hear(self.desk.account, surely=True)
        refs = {key.ref: key for key in keys.values()}
        pairs = [pair(*each) for each in combinations(sorted(refs), 2)]
        said = await sayings(refs, pairs, heard)
        now, actor = self.now(), self.desk.caller.name
        statements = [
            Statement(one=one, other=other, saying=saying, actor=actor, reason=reason, at=now, before=before)
            for (one, other), (saying, before) in said.items()
        ]
        text = _useless(type_, refs, statements, heard)
        if text is not None:
            wrong.add(UserErrorCode.CONFLICT, text, "contacts")
        if wrong:
            return Done(_payload(list(keys), wrong))
        payload = {"contacts": list(keys), "reason": reason, "verb": verb}
        happenings = [
            Happening(type=type_, source=key.source, contact=text, payload=payload)
            for text, key in keys.items()
        ]
        answer = _payload(list(keys), wrong)
        return Done(answer, happenings=happenings, statements=statements, heard=heard.version)

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
        different = len({(key.source, key.id) for key in keys.values()})
        if keys and different < FEWEST and len(keys) == len(set(texts)):
            wrong.add(UserErrorCode.REQUIRED, "Name at least two different contacts.", "contacts")
        if len(keys) > MOST:
            wrong.add(UserErrorCode.TOO_LARGE, f"At most {MOST} contacts are taken.", "contacts")
        paths: dict[str, Sequence[str | int]] = {text: ("contacts", texts.index(text)) for text in keys}
        failures = await self._seen(keys, wrong, paths)
        if not wrong and not failures:
            failures = await self.desk.check_there(keys, wrong, paths)
        for text, failure in failures.items():
            why = f"Nobody can say now whether there is such a contact. {failure.message}"
            wrong.add(UserErrorCode.NOT_FOUND, why, *paths[text], source=keys[text].source)

    async def _seen(
        self, keys: Mapping[str, ContactKey], wrong: Complaints, paths: Mapping[str, Sequence[str | int]]
    ) -> dict[str, GatewayError]:
        """Complain of records that are not among the people whom the caller may see; failures by id."""
        directory = self.desk.directory
        sight, failed = await directory.sight(self.desk.caller)
        failures: dict[str, GatewayError] = {}
        for text, key in keys.items():
            module = key.module or directory.index.module_of(key.source, key.id)
            try:
                self.desk.upstream(key.source)
            except GatewayError as error:
                wrong.add(UserErrorCode.UNSUPPORTED, error.message, *paths[text])
                continue
            if key.source in failed:
                failures[text] = failed[key.source]
            elif module is not None and not sees(sight, key.source.value, module):
                wrong.add(UserErrorCode.UNSUPPORTED, UNSEEN, *paths[text], source=key.source)
        return failures

    async def _linked(self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard) -> Said:
        del refs
        found: Said = {}
        for each in pairs:
            held = heard.said.get(each)
            before = held.saying if held is not None else None
            if held is not None and before is Saying.SAME:
                before = held.before
            found[each] = (Saying.SAME, before)
        return found

    async def _unlinked(self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard) -> Said:
        seen = await self.people.look()
        together = await self.people.together(list(refs.values()), seen)
        found: Said = {}
        for each in pairs:
            held = heard.said.get(each)
            if held is not None and held.saying is Saying.SAME:
                found[each] = (held.before, None)
            elif held is None and each in together:
                found[each] = (Saying.NEVER, None)
        return found

    async def _never(self, refs: Mapping[str, ContactKey], pairs: Sequence[Pair], heard: Heard) -> Said:
        del refs, heard
        return dict.fromkeys(pairs, (Saying.NEVER, None))


def _useless(
    type_: EventType, refs: Iterable[str], statements: Sequence[Statement], heard: Heard
) -> str | None:
    """Why statements would do nothing, or contradict others: records that are linked, if by way of others,
    never hold two that are never one, so that every link joins.
    """
    if not statements:
        return "Nothing joins these records, so there is nothing to take apart. neverSame keeps them apart."
    after = spoken({**heard.said, **{(each.one, each.other): each for each in statements}}.values())
    if not any(contradicts(after, reached(after, ref)) for ref in refs):
        return None
    return FORBIDDEN if type_ is EventType.CONTACTS_LINKED else CHAINED


def _payload(contacts: Sequence[str], wrong: Complaints) -> dict[str, Any]:
    return {"people": list(contacts), "userErrors": wrong.found}

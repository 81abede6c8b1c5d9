"""Creates, changes, deletes and unites contacts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import BadInput, GatewayError, UpstreamMissing
from gateway.model.contact import Contact, ContactKey
from gateway.model.event import EventType, Happening
from gateway.model.source import Source
from gateway.model.writing import (
    DONE,
    ContactValues,
    Place,
    UserErrorCode,
    WriteOutcome,
    WriteStatus,
)
from gateway.ports import Definitions, Upstream, Written
from gateway.upstreams.several import all_of
from gateway.writing import attempts, inputs, outcomes
from gateway.writing.attempts import Attempt
from gateway.writing.desk import NOBODY, Desk, Done
from gateway.writing.inputs import Complaints, Given

SEARCH = "Search for its e-mail, phone or name before you send it again: the gateway never repeats it."
COMPARE = "Read the contact and compare before you send it again: the gateway never repeats it."


@dataclass(frozen=True, slots=True)
class Target:
    """One place to create a contact in; `number` is its place in the input."""

    number: int
    upstream: Upstream
    place: Place
    definitions: Definitions


@dataclass(frozen=True, slots=True)
class ContactWrites:
    """The writes of contacts. `part` tells changes apart where one mutation makes several."""

    desk: Desk
    part: str = ""

    async def create(self, given: Given) -> Done:
        """Create a contact in every target at once."""
        wrong = Complaints()
        values = inputs.contact_values(given["contact"], self.desk.region, wrong, "contact")
        if not inputs.named_somehow(values):
            wrong.add(UserErrorCode.REQUIRED, "A contact needs a name.", "contact", "name")
        found: dict[int, WriteOutcome] = {}
        targets: list[Target] = []
        if _are_targets(given["targets"], wrong):
            answers = await all_of(
                [self._target(number, each, values, wrong) for number, each in enumerate(given["targets"])]
            )
            for number, answer in enumerate(answers):
                if isinstance(answer, Target):
                    targets.append(answer)
                elif answer is not None:
                    found[number] = answer
        if wrong:
            return Done(_many([], [], wrong))
        written: dict[int, Contact] = {}
        made = await attempts.make([self._creation(target, values, written) for target in targets])
        found.update({target.number: outcome for target, outcome in zip(targets, made, strict=True)})
        in_order = [found[number] for number in sorted(found)]
        contacts = [written[number] for number in sorted(written)]
        shown: list[str] = []
        happenings: list[Happening] = []
        for outcome in in_order:
            if outcome["status"] == WriteStatus.UNCERTAIN:
                await self.desk.doubt(Source(outcome["source"]), [])
            if outcome["status"] in DONE and "more" not in outcome:
                happenings.append(_happening(EventType.CONTACT_CREATED, outcome, contact=outcome["contact"]))
            if outcome["contact"]:
                shown.append(outcome["contact"])
        return Done(_many(shown, in_order, wrong), contacts=contacts, happenings=happenings)

    async def update(self, given: Given) -> Done:
        """Change one contact."""
        done = await self._update([given["id"]], given, many=False)
        return Done(_one(done.payload), contacts=done.contacts, happenings=done.happenings)

    async def update_many(self, given: Given) -> Done:
        """Write the same to many contacts."""
        return await self._update(given["ids"], given, many=True)

    async def delete(self, given: Given) -> Done:
        """Delete contacts."""
        wrong = Complaints()
        keys = inputs.contact_ids(given["ids"], self.desk.account, wrong, "ids")
        unable = self._unable(keys, "deleteContacts", wrong, "ids", given["ids"])
        failures = {} if wrong else await self._check_there(keys, given["ids"], wrong, many=True)
        if wrong:
            return Done(_deleted(list(unable.values()), wrong))
        wanted = {text: key for text, key in keys.items() if text not in failures}
        parcels = [
            self._deletion(self.desk.upstream(key_source), texts, keys)
            for key_source, texts in self._parcels(wanted)
        ]
        by_id = _failures(failures, keys)
        by_id.update(await self._made(parcels))
        await self._settle_missing(by_id, keys, given["ids"])
        in_order = [by_id[text] for text in keys]
        happenings = [
            _happening(EventType.CONTACT_DELETED, outcome, contact=outcome["targetId"])
            for outcome in in_order
            if outcome["status"] in DONE
        ]
        return Done(_deleted(in_order, wrong), happenings=happenings)

    async def merge(self, given: Given) -> Done:
        """Unite two contacts of one source."""
        wrong = Complaints()
        account = self.desk.account
        into = inputs.contact_id(given["into"], account, wrong, "into")
        gone = inputs.contact_id(given["from"], account, wrong, "from")
        if into is None or gone is None:
            return Done(_merged(None, wrong))
        if into == gone:
            wrong.add(UserErrorCode.CONFLICT, "A contact cannot be united with itself.", "from")
        elif into.source is not gone.source:
            wrong.add(UserErrorCode.CONFLICT, "Both contacts have to be of the same source.", "from")
        unable = self.desk.refused(into.source, "mergeContacts", given["into"], wrong, "into")
        if wrong:
            return Done(_merged(unable, wrong))
        keys = {given["into"]: into, given["from"]: gone}
        failures = await self.desk.check_there(
            keys, wrong, {given["into"]: ("into",), given["from"]: ("from",)}
        )
        if wrong:
            return Done(_merged(None, wrong))
        for error in failures.values():
            return Done(_merged(outcomes.failed(into.source, error, target=given["into"]), wrong))
        read: dict[ContactKey, Contact | None] = {}
        (outcome,) = await attempts.make([self._union(given, into, gone, read)])
        if outcome["status"] == WriteStatus.UNCERTAIN:
            await self.desk.doubt(into.source, [into, gone])
        happenings = []
        if outcome["status"] in DONE:
            happenings.append(
                Happening(
                    type=EventType.CONTACTS_MERGED,
                    source=into.source,
                    contact=given["into"],
                    payload={"from": given["from"]},
                )
            )
        return Done(_merged(outcome, wrong), contacts=_there(read), happenings=happenings)

    # What a creation takes.

    async def _target(
        self, number: int, given: Given, values: ContactValues, wrong: Complaints
    ) -> Target | WriteOutcome | None:
        """A target with its definitions; an outcome where its source cannot say; complaints are noted."""
        source = Source(given["source"])
        unable = self.desk.unable(source, "createContact")
        if unable is not None:
            return unable
        upstream = self.desk.upstream(source)
        here: tuple[str | int, ...] = ("targets", number)
        try:
            module = await self.desk.module(source, given.get("module"), wrong, *here)
            channel = await self._channel(upstream, given, wrong, *here)
            definitions = await self._definitions(upstream, values, module or "")
        except GatewayError as error:
            return outcomes.failed(source, error)
        wrong.below(upstream.wrong(values, definitions, create=True), "contact")
        place = Place(
            module=module, channel=channel, identifier=(given.get("identifier") or "").strip() or None
        )
        return Target(number, upstream, place, definitions)

    async def _channel(
        self, upstream: Upstream, given: Given, wrong: Complaints, *path: str | int
    ) -> str | None:
        """The vendor id of the channel, which only sources with channels take, and need."""
        source = upstream.source
        if not upstream.traits.can("channels"):
            for name in ("channel", "identifier"):
                if given.get(name) is not None:
                    text = f"{upstream.traits.name} has no {name}: leave it out."
                    wrong.add(UserErrorCode.INVALID, text, *path, name, source=source)
            return None
        if not (given.get("identifier") or "").strip():
            text = f"{upstream.traits.name} needs the id of the contact in the messenger."
            wrong.add(UserErrorCode.REQUIRED, text, *path, "identifier", source=source)
        if given.get("channel") is None:
            text = f"{upstream.traits.name} needs a channel to reach the contact."
            wrong.add(UserErrorCode.REQUIRED, text, *path, "channel", source=source)
            return None
        named = inputs.global_id(given["channel"], "Channel", self.desk.account, wrong, *path, "channel")
        if named is None:
            return None
        vendor_id = named.parts[0]
        key = (source, vendor_id)
        try:
            found = (await self.desk.directory.channels([key], self.desk.caller)).get(key)
        except BadInput:
            found = None
        if isinstance(found, GatewayError):
            raise found
        if found is None or named.source is not source:
            wrong.add(UserErrorCode.NOT_FOUND, "There is no such channel.", *path, "channel", source=source)
        return vendor_id

    def _creation(self, target: Target, values: ContactValues, written: dict[int, Contact]) -> Attempt:
        upstream = target.upstream
        source = upstream.source

        async def work() -> WriteOutcome:
            key, result = await upstream.create_contact(target.place, values, target.definitions)
            if result.contact is None and key is not None:
                result = await self._compared(key, result, values, target.definitions)
            if result.contact is not None:
                written[target.number] = result.contact
                await self.desk.keep([result.contact])
            found = outcomes.written(
                source, result, list(values.named()), target=None, silent=upstream.traits.drops_silently
            )
            if found["status"] == WriteStatus.REJECTED:  # it is there, whatever it lacks
                found["status"], found["code"] = WriteStatus.PARTIAL.value, None
            return found

        return Attempt(
            step=f"create:{source.value}",
            upstream=upstream,
            price=upstream.traits.prices.get("createContact", 1),
            work=work,
            failed=lambda error: outcomes.failed(
                source,
                error,
                look=SEARCH,
                path_of=lambda name: _path_of(upstream, name, ("targets", str(target.number))),
            ),
        )

    async def _compared(
        self, key: ContactKey, result: Written, values: ContactValues, definitions: Definitions
    ) -> Written:
        """A result completed by reading the contact back."""
        contact = (await self.desk.read_back([key])).get(key)
        if contact is None:
            return result
        applied, ignored = self.desk.upstream(key.source).compare(contact, values, definitions)
        return Written(contact=contact, applied=applied, ignored=ignored, note=result.note)

    # What changes take.

    async def _update(self, texts: Sequence[str], given: Given, *, many: bool) -> Done:
        wrong = Complaints()
        values = inputs.contact_values(given["contact"], self.desk.region, wrong, "contact")
        of_values = len(wrong.found)
        keys = self._keys(texts, wrong, many=many)
        if not values.named():
            wrong.add(UserErrorCode.REQUIRED, "Nothing is to be changed: give at least one field.", "contact")
        path = "ids" if many else "id"
        unable = self._unable(keys, "updateContact", wrong, path, texts)
        if len(wrong.found) > of_values:
            return Done(_many([], list(unable.values()), wrong))
        definitions, failures = await self._all_definitions(keys, values)
        for text in keys:
            if text in definitions:
                upstream = self.desk.upstream(keys[text].source)
                wrong.below(upstream.wrong(values, definitions[text], create=False), "contact")
        wrong.found = _distinct(wrong.found)
        failures.update(await self._check_there(keys, texts, wrong, many=many))
        if wrong:
            return Done(_many([], [], wrong))
        by_id = _failures(failures, keys)
        wanted = {text: key for text, key in keys.items() if text not in failures}
        for text, key in list(wanted.items()):
            placed = self.desk.upstream(key.source).places(values, definitions[text])
            if not placed & values.named().keys():
                by_id[text] = _placeless(key.source, text, values)
                del wanted[text]
        read: dict[ContactKey, Contact | None] = {}
        parcels = [
            self._change(parcel, keys, values, definitions[parcel[0]], read)
            for _, parcel in self._parcels(wanted)
        ]
        by_id.update(await self._made(parcels))
        if self.desk.resumed:  # what was carried out before the gateway was stopped is read back now
            for _, parcel in self._parcels(wanted):
                done = [keys[text] for text in parcel if by_id[text]["status"] in DONE]
                read.update(await self.desk.read_back(done))
        self._settle(by_id, keys, values, definitions, read)
        await self._settle_missing(by_id, keys, texts if many else ())
        in_order = [by_id[text] for text in keys]
        happenings = [
            _happening(EventType.CONTACT_UPDATED, outcome, contact=outcome["targetId"])
            for outcome in in_order
            if outcome["status"] in DONE
        ]
        shown = [outcome["contact"] for outcome in in_order if outcome["contact"]]
        return Done(_many(shown, in_order, wrong), contacts=_there(read), happenings=happenings)

    def _change(
        self,
        texts: Sequence[str],
        keys: Mapping[str, ContactKey],
        values: ContactValues,
        definitions: Definitions,
        read: dict[ContactKey, Contact | None],
    ) -> Attempt:
        mine = [keys[text] for text in texts]
        source = mine[0].source
        upstream = self.desk.upstream(source)
        target = texts[0] if len(texts) == 1 else None

        async def work() -> WriteOutcome:
            result = await upstream.update_contacts(mine, values, definitions)
            if result.contact is not None:
                read[mine[0]] = result.contact
                await self.desk.keep([result.contact])
            elif not upstream.traits.drops_silently:
                read.update(await self.desk.read_back(mine))
            return outcomes.written(
                source, result, list(values.named()), target=target, silent=upstream.traits.drops_silently
            )

        return Attempt(
            step=f"update:{self.part}{_place(upstream, mine[0], texts[0])}",
            upstream=upstream,
            price=upstream.traits.prices.get("updateContact", 1),
            work=work,
            failed=lambda error: outcomes.failed(
                source,
                error,
                target=target,
                look=COMPARE,
                path_of=lambda name: _path_of(upstream, name, ("contact",)),
            ),
            targets=texts,
        )

    def _settle(
        self,
        by_id: dict[str, WriteOutcome],
        keys: Mapping[str, ContactKey],
        values: ContactValues,
        definitions: Mapping[str, Definitions],
        read: Mapping[ContactKey, Contact | None],
    ) -> None:
        """Give each record its own outcome, by what was read back of it."""
        shared = Counter((key.source, key.module) for key in keys.values())
        for text, outcome in by_id.items():
            key = keys[text]
            if outcome["status"] not in DONE or outcome["contact"] is not None:
                continue
            contact = read.get(key)
            if contact is not None:
                upstream = self.desk.upstream(key.source)
                applied, ignored = upstream.compare(contact, values, definitions[text])
                by_id[text] = outcomes.written(
                    key.source,
                    Written(contact=contact, applied=applied, ignored=ignored),
                    list(values.named()),
                    target=text,
                    silent=upstream.traits.drops_silently,
                )
            elif key in read:
                missing = UpstreamMissing(key.source.value, NOBODY)
                by_id[text] = outcomes.failed(key.source, missing, target=text)
            elif not outcome["message"]:
                outcome["message"] = "The source has agreed; the contact could not be read back yet."
                if shared[key.source, key.module] > 1:  # it agrees when it has found one of them
                    outcome["status"] = WriteStatus.PARTIAL.value

    async def _settle_missing(
        self, by_id: Mapping[str, WriteOutcome], keys: Mapping[str, ContactKey], texts: Sequence[str]
    ) -> None:
        """Let the index know of contacts that turned out to be gone, and doubt what may have changed.

        `texts` is the list of the input, where it is one: complaints get their place in it.
        """
        doubted: dict[Source, list[ContactKey]] = {}
        for text, outcome in by_id.items():
            if outcome["code"] == UpstreamMissing.code:
                await self.desk.forget([keys[text]])
                for error in outcome["userErrors"]:
                    error["field"] = ["ids", str(texts.index(text))] if texts else ["id"]
            if outcome["status"] == WriteStatus.UNCERTAIN:
                doubted.setdefault(keys[text].source, []).append(keys[text])
        for source, some in doubted.items():
            await self.desk.doubt(source, some)

    # What deletions and unions take.

    def _deletion(self, upstream: Upstream, texts: Sequence[str], keys: Mapping[str, ContactKey]) -> Attempt:
        source = upstream.source
        target = texts[0] if len(texts) == 1 else None

        async def work() -> WriteOutcome:
            await upstream.delete_contacts([keys[text] for text in texts])
            await self.desk.forget([keys[text] for text in texts])
            return outcomes.blank(source, WriteStatus.APPLIED, target)

        return Attempt(
            step=f"delete:{_place(upstream, keys[texts[0]], texts[0])}",
            upstream=upstream,
            price=upstream.traits.prices.get("deleteContacts", 1),
            work=work,
            failed=lambda error: outcomes.failed(
                source, error, target=target, path_of=lambda _: ("ids",), look=COMPARE
            ),
            targets=texts,
        )

    def _union(
        self, given: Given, into: ContactKey, gone: ContactKey, read: dict[ContactKey, Contact | None]
    ) -> Attempt:
        upstream = self.desk.upstream(into.source)

        async def work() -> WriteOutcome:
            await upstream.merge_contacts(into, gone)
            await self.desk.forget([gone])
            read.update(await self.desk.read_back([into]))
            contact = read.get(into)
            found = outcomes.blank(into.source, WriteStatus.APPLIED, given["into"])
            found["contact"] = contact["id"] if contact else None
            return found

        return Attempt(
            step="merge",
            upstream=upstream,
            price=upstream.traits.prices.get("mergeContacts", 1),
            work=work,
            failed=lambda error: outcomes.failed(into.source, error, target=given["into"], look=COMPARE),
            targets=[given["into"]],
        )

    # What they share.

    def _keys(self, texts: Sequence[str], wrong: Complaints, *, many: bool) -> dict[str, ContactKey]:
        if many:
            return inputs.contact_ids(texts, self.desk.account, wrong, "ids")
        key = inputs.contact_id(texts[0], self.desk.account, wrong, "id")
        return {} if key is None else {texts[0]: key}

    def _unable(
        self,
        keys: Mapping[str, ContactKey],
        ability: str,
        wrong: Complaints,
        path: str,
        texts: Sequence[str],
    ) -> dict[str, WriteOutcome]:
        """Outcomes and complaints for ids of sources that cannot do it, or that the caller may not ask."""
        found: dict[str, WriteOutcome] = {}
        for text, key in keys.items():
            place = (path,) if path == "id" else (path, texts.index(text))
            outcome = self.desk.refused(key.source, ability, text, wrong, *place)
            if outcome is not None:
                found[text] = outcome
        return found

    async def _check_there(
        self, keys: Mapping[str, ContactKey], texts: Sequence[str], wrong: Complaints, *, many: bool
    ) -> dict[str, GatewayError]:
        paths: dict[str, Sequence[str | int]] = {
            text: ("ids", texts.index(text)) if many else ("id",) for text in keys
        }
        return await self.desk.check_there(keys, wrong, paths)

    async def _definitions(self, upstream: Upstream, values: ContactValues, module: str) -> Definitions:
        if not upstream.needs_definitions(values):
            return {}
        return await self.desk.directory.definitions(upstream.source, module, self.desk.caller)

    async def _all_definitions(
        self, keys: Mapping[str, ContactKey], values: ContactValues
    ) -> tuple[dict[str, Definitions], dict[str, GatewayError]]:
        """The definitions for each record, each module read once; failures by global id."""
        places = {(key.source, key.module) for key in keys.values()}

        async def read(source: Source, module: str) -> Definitions | GatewayError:
            try:
                return await self._definitions(self.desk.upstream(source), values, module)
            except GatewayError as error:
                return error

        answers = dict(zip(places, await all_of([read(*place) for place in places]), strict=True))
        found: dict[str, Definitions] = {}
        failures: dict[str, GatewayError] = {}
        for text, key in keys.items():
            answer = answers[key.source, key.module]
            if isinstance(answer, GatewayError):
                failures[text] = answer
            else:
                found[text] = answer
        return found, failures

    def _parcels(self, keys: Mapping[str, ContactKey]) -> list[tuple[Source, list[str]]]:
        """Records that are written in one call: those of one module where the source allows it."""
        parcels: dict[Any, list[str]] = {}
        for text, key in keys.items():
            many = self.desk.upstream(key.source).traits.writes_many
            parcels.setdefault((key.source, key.module) if many else text, []).append(text)
        return [(keys[texts[0]].source, texts) for texts in parcels.values()]

    async def _made(self, parcels: Sequence[Attempt]) -> dict[str, WriteOutcome]:
        """The outcome of each record; those that were written in one call share theirs."""
        found: dict[str, WriteOutcome] = {}
        for parcel, outcome in zip(parcels, await attempts.make(parcels), strict=True):
            found.update({text: {**outcome, "targetId": text} for text in parcel.targets})
        return found


def _place(upstream: Upstream, key: ContactKey, text: str) -> str:
    """Names a parcel, whatever a repeat leaves out of it: what is in a call of many is sent once."""
    return f"{key.source.value}:{key.module}" if upstream.traits.writes_many else text


def _there(read: Mapping[ContactKey, Contact | None]) -> list[Contact]:
    return [contact for contact in read.values() if contact is not None]


def _are_targets(targets: Sequence[Given], wrong: Complaints) -> bool:
    """Whether targets can be looked at one by one; else there are complaints."""
    before = len(wrong.found)
    if not targets:
        wrong.add(UserErrorCode.REQUIRED, "The list is empty: name at least one source.", "targets")
    seen: set[str] = set()
    for number, each in enumerate(targets):
        if each["source"] in seen:
            text = "This source is named twice; each target is a source of its own."
            wrong.add(UserErrorCode.DUPLICATE, text, "targets", number, "source")
        seen.add(each["source"])
    return len(wrong.found) == before


def _path_of(upstream: Upstream, name: str, target: Sequence[str]) -> Sequence[str] | None:
    """Where in the input a field stands that the source has named: in the contact, or in the target."""
    found = upstream.field_of(name)
    if found is not None:
        return ("contact", *found)
    return (*target, "identifier") if name == "identifier" else None


def _placeless(source: Source, target: str, values: ContactValues) -> WriteOutcome:
    found = outcomes.blank(source, WriteStatus.UNSUPPORTED, target)
    found["ignored"] = list(values.named())
    found["code"] = "CAPABILITY_UNSUPPORTED"
    found["message"] = "The source has no place for any of these fields, so nothing was sent."
    return found


def _failures(
    failures: Mapping[str, GatewayError], keys: Mapping[str, ContactKey]
) -> dict[str, WriteOutcome]:
    """Outcomes of records that were not written, as what had to be known first could not be read."""
    found = {}
    for text, error in failures.items():
        found[text] = outcomes.failed(keys[text].source, error, target=text)
    return found


def _distinct(errors: Sequence[Any]) -> list[Any]:
    """Complaints without those that several records of one source share."""
    found: list[Any] = []
    for error in errors:
        if error not in found:
            found.append(error)
    return found


def _happening(type_: EventType, outcome: WriteOutcome, *, contact: str | None) -> Happening:
    payload = {"applied": outcome["applied"], "ignored": outcome["ignored"]} if outcome["applied"] else {}
    return Happening(type=type_, source=Source(outcome["source"]), contact=contact, payload=payload)


def _many(contacts: Sequence[str], found: Sequence[WriteOutcome], wrong: Complaints) -> dict[str, Any]:
    return {"contacts": list(contacts), "outcomes": list(found), "userErrors": wrong.found}


def _one(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of a change of one contact, out of that of a change of many."""
    return {
        "contact": next(iter(payload["contacts"]), None),
        "outcome": next(iter(payload["outcomes"]), None),
        "userErrors": payload["userErrors"],
    }


def _deleted(found: Sequence[WriteOutcome], wrong: Complaints) -> dict[str, Any]:
    return {
        "deletedIds": [outcome["targetId"] for outcome in found if outcome["status"] in DONE],
        "outcomes": list(found),
        "userErrors": wrong.found,
    }


def _merged(outcome: WriteOutcome | None, wrong: Complaints) -> dict[str, Any]:
    contact = outcome["contact"] if outcome else None
    return {"contact": contact, "outcome": outcome, "userErrors": wrong.found}

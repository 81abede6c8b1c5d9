"""What hangs on one contact of Smart Sender: tags, funnels, events and messages."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import BadInput, BudgetSpent, GatewayError, UpstreamRateLimited
from gateway.model.contact import Contact, ContactKey
from gateway.model.event import EventType, Happening
from gateway.model.ids import GlobalId
from gateway.model.writing import DONE, UserErrorCode, WriteOutcome, WriteStatus
from gateway.ports import Upstream, Written
from gateway.writing import attempts, inputs, outcomes
from gateway.writing.attempts import Attempt
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given
from gateway.writing.media import Media

FUNNEL: Final = re.compile(r"(?!\.{1,2}$)[^\s/?#%\\]{1,200}")
MOST_CHANGES: Final = 50  # tags or funnels in one call
LOOK_AT_MESSAGES: Final = (
    "Look at the messages of the chat before you send it again: the gateway never repeats it."
)
LOOK_AT_EFFECTS: Final = (
    "Look for what the event does before you launch it again: the gateway never repeats it."
)
COMPARE: Final = "Read the contact and compare before you send it again: the gateway never repeats it."

Change = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LabelWrites:
    """The writes of what hangs on one contact."""

    desk: Desk
    media: Media

    async def tags(self, given: Given) -> Done:
        """Put tags on a contact and take others off."""
        wrong = Complaints()
        upstream, key, unable = self._subject(given["id"], "id", "updateContactTags", wrong)
        wanted: dict[str, tuple[str, bool]] = {}
        for name, on in (("add", True), ("remove", False)):
            for place, text in enumerate(given.get(name) or ()):
                tag = inputs.global_id(text, "Tag", self.desk.account, wrong, name, place)
                if tag is None or key is None:
                    continue
                if not self._can_be_tag(tag):
                    wrong.add(UserErrorCode.NOT_FOUND, "There is no such tag.", name, place)
                if tag.source is not key.source:
                    message = "The tag belongs to another source."
                    wrong.add(UserErrorCode.INVALID, message, name, place)
                wanted[f"{name}.{place}"] = (tag.parts[0], on)
        _check_changes(wanted, wrong, "add", "remove")
        if upstream is None or key is None or wrong:
            return Done(_contact_payload(unable, wrong))
        changes = {
            name: (lambda tag=tag, on=on: upstream.change_tag(key, tag, on=on))
            for name, (tag, on) in wanted.items()
        }

        def holds(contact: Contact, name: str) -> bool:
            tag, on = wanted[name]
            return any(held["sourceId"] == tag for held in contact["tags"]) is on

        return await self._changed(upstream, key, given["id"], changes, holds)

    async def funnels(self, given: Given) -> Done:
        """Subscribe a contact to funnels and unsubscribe it from others."""
        wrong = Complaints()
        upstream, key, unable = self._subject(given["id"], "id", "updateContactFunnels", wrong)
        wanted: dict[str, tuple[str, bool]] = {}
        for name, on in (("subscribe", True), ("unsubscribe", False)):
            for place, text in enumerate(given.get(name) or ()):
                if not FUNNEL.fullmatch(text.strip()):
                    wrong.add(UserErrorCode.INVALID, "This is no key of a funnel.", name, place)
                wanted[f"{name}.{place}"] = (text.strip(), on)
        _check_changes(wanted, wrong, "subscribe", "unsubscribe")
        if upstream is None or key is None or wrong:
            return Done(_contact_payload(unable, wrong))
        changes = {
            name: (lambda funnel=funnel, on=on: upstream.change_funnel(key, funnel, on=on))
            for name, (funnel, on) in wanted.items()
        }

        def holds(contact: Contact, name: str) -> bool:
            funnel, on = wanted[name]
            return any(held["serviceKey"] == funnel for held in contact["funnels"]) is on

        return await self._changed(upstream, key, given["id"], changes, holds)

    async def trigger(self, given: Given) -> Done:
        """Launch an event for a contact."""
        wrong = Complaints()
        upstream, key, unable = self._subject(given["contact"], "contact", "triggerEvent", wrong)
        name = given["name"]
        if not name.strip():
            wrong.add(UserErrorCode.REQUIRED, "The event needs a name.", "name")
        elif len(name) > inputs.LONGEST_NAME:
            wrong.add(UserErrorCode.TOO_LARGE, f"At most {inputs.LONGEST_NAME} signs are taken.", "name")
        if upstream is None or key is None or wrong:
            return Done({"event": None, "outcome": unable, "userErrors": wrong.found})
        failure = await self._missing(given["contact"], key, "contact", wrong)
        if failure is not None or wrong:
            return Done({"event": None, "outcome": failure, "userErrors": wrong.found})

        async def work() -> WriteOutcome:
            await upstream.fire(key, name)
            return outcomes.blank(key.source, WriteStatus.APPLIED, given["contact"])

        (outcome,) = await attempts.make(
            [self._attempt("trigger", upstream, given["contact"], work, LOOK_AT_EFFECTS, price=1)]
        )
        happenings = []
        if outcome["status"] in DONE:
            happenings.append(
                Happening(
                    type=EventType.EVENT_TRIGGERED, source=key.source, contact=given["contact"], name=name
                )
            )
        payload = {"event": None, "outcome": outcome, "userErrors": wrong.found}
        return Done(payload, happenings=happenings)

    async def send(self, given: Given) -> Done:
        """Send a message to a contact."""
        wrong = Complaints()
        upstream, key, unable = self._subject(given["contact"], "contact", "sendMessage", wrong)
        message = inputs.message(given, self.desk.region, wrong)
        fault = await self.media.fault(message.media_url) if message.media_url and not wrong else None
        if fault is not None:
            wrong.add(UserErrorCode.INVALID, fault, "mediaUrl")
        if upstream is None or key is None or wrong:
            return Done({"message": None, "outcome": unable, "userErrors": wrong.found})
        failure = await self._missing(given["contact"], key, "contact", wrong)
        if failure is not None or wrong:
            return Done({"message": None, "outcome": failure, "userErrors": wrong.found})

        async def work() -> WriteOutcome:
            found = outcomes.blank(key.source, WriteStatus.APPLIED, given["contact"])
            found["more"] = {"message": dict(await upstream.send_message(key, message))}
            return found

        (outcome,) = await attempts.make(
            [self._attempt("send", upstream, given["contact"], work, LOOK_AT_MESSAGES, price=1)]
        )
        sent = outcome.get("more", {}).get("message")
        happenings = []
        if outcome["status"] in DONE:
            payload = {"message": sent["id"] if sent else None, "type": message.kind}
            happenings.append(
                Happening(
                    type=EventType.MESSAGE_SENT, source=key.source, contact=given["contact"], payload=payload
                )
            )
        answer = {"message": sent, "outcome": outcome, "userErrors": wrong.found}
        return Done(answer, happenings=happenings)

    def _can_be_tag(self, tag: GlobalId) -> bool:
        """Whether the source of a tag could have given its id."""
        try:
            self.desk.upstream(tag.source).check_id("tag", tag.parts[0])
        except BadInput:
            return False
        except GatewayError:
            return True  # that the source is off is told elsewhere
        return True

    def _subject(
        self, text: str, path: str, ability: str, wrong: Complaints
    ) -> tuple[Upstream | None, ContactKey | None, WriteOutcome | None]:
        """The source and key of the contact that is meant, or why it cannot be written to."""
        key = inputs.contact_id(text, self.desk.account, wrong, path)
        if key is None:
            return None, None, None
        unable = self.desk.refused(key.source, ability, text, wrong, path)
        if unable is not None:
            return None, key, unable
        return self.desk.upstream(key.source), key, None

    async def _missing(self, text: str, key: ContactKey, path: str, wrong: Complaints) -> WriteOutcome | None:
        """A complaint where the contact is not there; an outcome where its source cannot say."""
        failures = await self.desk.check_there({text: key}, wrong, {text: (path,)})
        for error in failures.values():
            return outcomes.failed(key.source, error, target=text)
        return None

    async def _changed(
        self,
        upstream: Upstream,
        key: ContactKey,
        text: str,
        changes: Mapping[str, Change],
        holds: Callable[[Contact, str], bool],
    ) -> Done:
        wrong = Complaints()
        failure = await self._missing(text, key, "id", wrong)
        if failure is not None or wrong:
            return Done(_contact_payload(failure, wrong))
        read: dict[ContactKey, Contact | None] = {}

        async def work() -> WriteOutcome:
            failed = await _one_by_one(changes)
            read.update(await self.desk.read_back([key]))
            return _outcome(key, text, read.get(key), names=list(changes), failed=failed, holds=holds)

        (outcome,) = await attempts.make(
            [self._attempt("change", upstream, text, work, COMPARE, price=len(changes) + 1)]
        )
        if outcome["status"] == WriteStatus.UNCERTAIN and not read:
            await self.desk.doubt(key.source, [])
        contacts = [contact for contact in read.values() if contact is not None]
        happenings = []
        if outcome["status"] in DONE or outcome["applied"]:
            payload = {"applied": outcome["applied"], "ignored": outcome["ignored"]}
            happenings.append(
                Happening(type=EventType.CONTACT_UPDATED, source=key.source, contact=text, payload=payload)
            )
        return Done(_contact_payload(outcome, wrong), contacts=contacts, happenings=happenings)

    def _attempt(
        self,
        step: str,
        upstream: Upstream,
        target: str,
        work: attempts.Work,
        look: str,
        *,
        price: int,
    ) -> Attempt:
        return Attempt(
            step=step,
            upstream=upstream,
            price=price,
            work=work,
            failed=lambda error: outcomes.failed(
                upstream.source,
                error,
                target=target,
                look=look,
                path_of=lambda name: (name,) if name else None,
            ),
            targets=[target],
        )


async def _one_by_one(changes: Mapping[str, Change]) -> dict[str, GatewayError]:
    """Carry out changes; the failures, by name. A source that has closed is asked for no more of them."""
    failed: dict[str, GatewayError] = {}
    closed: GatewayError | None = None
    for name, change in changes.items():
        if closed is not None:
            failed[name] = closed
            continue
        try:
            await change()
        except GatewayError as error:
            failed[name] = error
            if isinstance(error, UpstreamRateLimited):
                closed = BudgetSpent(error.source, error.message, retry_after=error.retry_after)
    return failed


def _outcome(
    key: ContactKey,
    text: str,
    contact: Contact | None,
    *,
    names: Sequence[str],
    failed: Mapping[str, GatewayError],
    holds: Callable[[Contact, str], bool],
) -> WriteOutcome:
    """One outcome out of several changes of one contact.

    What failed does not count, whatever is there; what may have happened makes the whole uncertain; what the
    source has agreed to is never called refused, also where it could not be read back.
    """
    held = () if contact is None else tuple(name for name in names if holds(contact, name))
    applied = tuple(name for name in held if name not in failed)
    agreed = [name for name in names if name not in failed]
    uncertain = next((error for error in failed.values() if error.uncertain), None)
    dropped = [name for name in agreed if contact is not None and name not in held]
    refused = [name for name, error in failed.items() if not error.uncertain]
    if uncertain or not agreed:
        worst = uncertain or next(iter(failed.values()))
        found = outcomes.failed(
            key.source, worst, target=text, look=COMPARE, path_of=_path_to(next(iter(failed)))
        )
        found["applied"], found["ignored"] = list(applied), [*dropped, *refused]
        found["contact"] = contact["id"] if contact else None
        return found
    note = None if contact is not None else "The source has agreed; the contact could not be read back yet."
    result = Written(contact=contact, applied=applied, ignored=(*dropped, *refused), note=note)
    found = outcomes.written(key.source, result, names, target=text, silent=True)
    for name, error in failed.items():
        more = outcomes.failed(key.source, error, path_of=_path_to(name))
        found["userErrors"].extend(more["userErrors"])
        found["code"], found["message"] = more["code"], more["message"]
        found["retryable"], found["retryAfterSeconds"] = more["retryable"], more["retryAfterSeconds"]
    return found


def _path_to(name: str) -> outcomes.PathOf:
    return lambda _: name.split(".")


def _check_changes(wanted: Mapping[str, tuple[str, bool]], wrong: Complaints, *names: str) -> None:
    if not wanted and not wrong:
        text = f"Nothing is to be changed: give {names[0]} or {names[1]}."
        wrong.add(UserErrorCode.REQUIRED, text, names[0])
    if len(wanted) > MOST_CHANGES:
        wrong.add(UserErrorCode.TOO_LARGE, f"At most {MOST_CHANGES} changes are taken at once.", names[0])
    seen: dict[str, str] = {}
    for name, (what, _) in wanted.items():
        if what in seen:
            text = f"This stands at {seen[what]} already."
            wrong.add(UserErrorCode.CONFLICT, text, *name.split("."))
        seen[what] = name


def _contact_payload(outcome: WriteOutcome | None, wrong: Complaints) -> dict[str, Any]:
    contact = outcome["contact"] if outcome else None
    return {"contact": contact, "outcome": outcome, "userErrors": wrong.found}

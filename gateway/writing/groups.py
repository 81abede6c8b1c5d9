"""Creates, changes and deletes groups. Members are read, changed and written back under a lock."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

from gateway import deadline
from gateway.errors import BadInput, DeadlineExceeded, GatewayError, UpstreamMissing
from gateway.model.contact import ContactKey
from gateway.model.event import EventType, Happening
from gateway.model.group import Group, GroupKey
from gateway.model.source import Source
from gateway.model.writing import DONE, GroupValues, UserErrorCode, WriteOutcome, WriteStatus, user_error
from gateway.ports import Upstream, Written
from gateway.writing import attempts, inputs, outcomes
from gateway.writing.attempts import Attempt
from gateway.writing.desk import Desk, Done
from gateway.writing.inputs import Complaints, Given

TRIES: Final = 3  # at a change of members that somebody else undoes
LOOK: Final = "Read the group and compare before you send it again: the gateway never repeats it."
LISTS: Final = ("addMembers", "removeMembers", "setMembers", "setPrimaryContacts")
MEMBERS: Final = "Group.members"
CROWDED: Final = "Somebody else changes the members of this group at the same time. Try again later."
NO_GROUP: Final = "There is no such group."


class Conflict(GatewayError):
    """Somebody else changes the same group at the same time."""

    code = "UPSTREAM_BAD_RESPONSE"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """How the members of a group change; vendor ids. None means not asked."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    set: tuple[str, ...] | None = None
    primary: tuple[str, ...] | None = None

    @property
    def asked(self) -> bool:
        """Whether members change at all."""
        return bool(self.add or self.remove) or self.set is not None or self.primary is not None

    def members(self, before: Sequence[str]) -> list[str]:
        """The members afterwards, those that stay in their order."""
        kept = [each for each in (before if self.set is None else self.set) if each not in self.remove]
        return [*kept, *(each for each in self.add if each not in kept)]

    def primaries(self, before: Sequence[str], members: Sequence[str]) -> list[str]:
        """Those who answer for the group afterwards; whoever is no member any more does not."""
        wanted = before if self.primary is None else self.primary
        return [each for each in wanted if each in members]

    def holds(self, members: Sequence[str], primary: Sequence[str]) -> bool:
        """Whether a group shows what was asked."""
        if self.set is not None and set(members) != set(self.members(())):
            return False
        if self.primary is not None and set(primary) != set(self.primary):
            return False
        return set(self.add) <= set(members) and not set(self.remove) & set(members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A change of one group, checked; `group` is its vendor id."""

    upstream: Upstream
    group: str
    given: Given
    values: GroupValues
    change: MemberChange


class Locks:
    """One lock for each group, as long as somebody holds it; shared by all requests of an account."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[GroupKey, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: GroupKey) -> asyncio.Lock:
        """The lock of a group."""
        found = self._locks.get(key)
        if found is None:
            found = self._locks[key] = asyncio.Lock()
        return found


@dataclass(frozen=True, slots=True)
class GroupWrites:
    """The writes of groups."""

    desk: Desk
    locks: Locks

    async def create(self, given: Given) -> Done:
        """Create a group, then put its members in."""
        wrong = Complaints()
        source = Source(given["source"])
        values = inputs.group_values(given, self.desk.region, wrong)
        unable = self.desk.refused(source, "createGroup", None, wrong, "source")
        members = self._members(given, "members", source, wrong)
        primary = self._members(given, "primaryContacts", source, wrong)
        for place, each in enumerate(primary or ()):
            if each not in (members or ()):
                text = "Who answers for a group has to be one of its members."
                wrong.add(UserErrorCode.INVALID, text, "primaryContacts", place)
        if unable is not None or wrong:
            return Done(_payload(None, unable, wrong))
        failure = await self._strangers(given, ("members",), source, wrong)
        if failure is not None or wrong:
            return Done(_payload(None, failure, wrong))
        upstream = self.desk.upstream(source)
        read: list[Group] = []

        async def work() -> WriteOutcome:
            group = await upstream.create_group(values)
            read.append(group)
            lists = [name for name in ("members", "primaryContacts") if given.get(name)]
            asked = [*values.named(), *lists]
            if not members:
                return _written(source, group, values, asked, target=None)
            try:
                read.append(
                    await upstream.update_group(group["sourceId"], GroupValues(), members, primary or ())
                )
            except GatewayError as error:
                found = _written(source, group, values, asked, target=None, ignored=lists)
                return _but(found, error, "The group is there, but its members could not be put in.")
            return _written(source, read[-1], values, asked, target=None)

        outcome = await self._made(upstream, work, target=None, price=2)
        return self._done(outcome, read, EventType.GROUP_CREATED, wrong)

    async def update(self, given: Given) -> Done:
        """Change a group and its members."""
        wrong = Complaints()
        named = inputs.global_id(given["id"], "Group", self.desk.account, wrong, "id")
        values = inputs.group_values(given, self.desk.region, wrong)
        if named is None:
            return Done(_payload(None, None, wrong))
        source, group = named.source, named.parts[0]
        unable = self.desk.refused(source, "updateGroup", given["id"], wrong, "id")
        lists = {name: self._members(given, name, source, wrong) for name in LISTS}
        _check_lists(lists, wrong)
        change = MemberChange(
            add=lists["addMembers"] or (),
            remove=lists["removeMembers"] or (),
            set=lists["setMembers"],
            primary=lists["setPrimaryContacts"],
        )
        if not values.named() and not change.asked and not wrong:
            wrong.add(UserErrorCode.REQUIRED, "Nothing is to be changed: give at least one field.")
        if unable is not None or wrong:
            return Done(_payload(None, unable, wrong))
        failure = await self._strangers(given, ("addMembers", "setMembers"), source, wrong)
        if failure is not None or wrong:
            return Done(_payload(None, failure, wrong))
        upstream = self.desk.upstream(source)
        wish = Wish(upstream=upstream, group=group, given=given, values=values, change=change)
        if not upstream.traits.can(MEMBERS):
            return await self._update_one_by_one(wish, wrong)
        return await self._update_whole(wish, wrong)

    async def delete(self, given: Given) -> Done:
        """Delete a group."""
        wrong = Complaints()
        named = inputs.global_id(given["id"], "Group", self.desk.account, wrong, "id")
        if named is None:
            return Done(_payload(None, None, wrong))
        unable = self.desk.refused(named.source, "deleteGroup", given["id"], wrong, "id")
        if unable is not None or wrong:
            return Done(_payload(None, unable, wrong))
        upstream, group = self.desk.upstream(named.source), named.parts[0]
        found = await self._read(upstream, group)
        if found is None and not self.desk.resumed:
            wrong.add(UserErrorCode.NOT_FOUND, NO_GROUP, "id", source=named.source)
            return Done(_payload(None, None, wrong))
        if isinstance(found, GatewayError):
            return Done(_payload(None, outcomes.failed(named.source, found, target=given["id"]), wrong))

        async def work() -> WriteOutcome:
            await upstream.delete_group(group)
            return outcomes.blank(named.source, WriteStatus.APPLIED, given["id"])

        async with self._locked(named.source, group) as late:
            if late is not None:
                return Done(_payload(None, outcomes.skipped(named.source, late, target=given["id"]), wrong))
            outcome = await self._made(upstream, work, target=given["id"], price=1)
        return self._done(outcome, [], EventType.GROUP_DELETED, wrong)

    # A source that replaces whole lists of members.

    async def _update_whole(self, wish: Wish, wrong: Complaints) -> Done:
        upstream, group, given = wish.upstream, wish.group, wish.given
        values, change = wish.values, wish.change
        read: list[Group] = []
        asked = [*values.named(), *(name for name in LISTS if given.get(name) is not None)]
        async with self._locked(upstream.source, group) as late:
            if late is not None:
                return Done(
                    _payload(None, outcomes.skipped(upstream.source, late, target=given["id"]), wrong)
                )
            before = await self._read(upstream, group)
            if before is None and not self.desk.resumed:
                wrong.add(UserErrorCode.NOT_FOUND, NO_GROUP, "id", source=upstream.source)
                return Done(_payload(None, None, wrong))
            if isinstance(before, GatewayError):
                failed = outcomes.failed(upstream.source, before, target=given["id"])
                return Done(_payload(None, failed, wrong))
            held = _ids(before["_members"]) if before else []
            for place, each in enumerate(change.primary or ()):
                if each not in change.members(held):
                    text = "Who answers for a group has to be one of its members."
                    wrong.add(UserErrorCode.INVALID, text, "setPrimaryContacts", place)
            if wrong and not self.desk.resumed:
                return Done(_payload(None, None, wrong))

            async def work() -> WriteOutcome:
                after, error = await self._change(wish)
                read.append(after)
                if error is None:
                    return _written(upstream.source, after, values, asked, target=given["id"])
                lists = [name for name in LISTS if given.get(name) is not None]
                found = _written(upstream.source, after, values, asked, target=given["id"], ignored=lists)
                return _but(found, error, "Its own fields are written; its members are not as asked.")

            outcome = await self._made(upstream, work, target=given["id"], price=4)
        return self._done(outcome, read, EventType.GROUP_UPDATED, Complaints())

    async def _change(self, wish: Wish) -> tuple[Group, GatewayError | None]:
        """Read, write, look: who changes the group elsewhere may replace the lists at any time.

        Once a write was carried out, a later failure is returned beside the group, and not raised.
        """
        upstream, group, change, values = wish.upstream, wish.group, wish.change, wish.values
        written: Group | None = None
        tries = 0
        while True:
            seen = await self._read(upstream, group)
            if seen is None or isinstance(seen, GatewayError):
                if written is None:
                    raise seen or UpstreamMissing(upstream.source.value, NO_GROUP)
                return written, None  # its own answer is the best that is known
            if written is not None and change.holds(_ids(seen["_members"]), _ids(seen["_primary"])):
                return seen, None
            if tries == TRIES:
                return seen, Conflict(CROWDED, source=upstream.source.value)
            members = change.members(_ids(seen["_members"])) if change.asked else None
            primary = None if members is None else change.primaries(_ids(seen["_primary"]), members)
            try:
                written = await upstream.update_group(group, values, members, primary)
            except GatewayError as error:
                if written is None:
                    raise
                return written, error
            if not change.asked:
                return written, None
            values, tries = GroupValues(), tries + 1

    @asynccontextmanager
    async def _locked(self, source: Source, group: str) -> AsyncIterator[DeadlineExceeded | None]:
        """The lock of a group, waited for within the deadline; what to tell where that was not enough."""
        lock = self.locks.of(GroupKey(source, group))
        left = deadline.seconds_left(float("inf"))
        try:
            async with asyncio.timeout(None if left == float("inf") else max(left, 0)):
                await lock.acquire()
        except TimeoutError:
            yield DeadlineExceeded("Another change of this group was under way.", source=source.value)
            return
        try:
            yield None
        finally:
            lock.release()

    async def _read(self, upstream: Upstream, group: str) -> Group | GatewayError | None:
        try:
            upstream.check_id("group", group)
        except BadInput:
            return None
        try:
            found = (await upstream.groups_by_id([group])).get(group)
        except GatewayError as error:
            found = error
        return found

    # A source that puts contacts into groups one by one.

    async def _update_one_by_one(self, wish: Wish, wrong: Complaints) -> Done:
        upstream, group, given = wish.upstream, wish.group, wish.given
        values, change = wish.values, wish.change
        source = upstream.source
        placeless = [*values.named(), *(name for name in LISTS[2:] if given.get(name) is not None)]
        wanted = [(each, True) for each in change.add] + [(each, False) for each in change.remove]
        if not wanted:
            outcome = outcomes.blank(source, WriteStatus.UNSUPPORTED, given["id"])
            outcome["ignored"], outcome["code"] = placeless, "CAPABILITY_UNSUPPORTED"
            outcome["message"] = f"{upstream.traits.name} changes nothing of a group but single members."
            return Done(_payload(None, outcome, wrong))
        read: list[Group] = []

        def attempt(contact: str, *, member: bool) -> Attempt:
            async def work() -> WriteOutcome:
                found = await upstream.change_membership(
                    group, ContactKey(source, "", contact), member=member
                )
                if found is not None:
                    read.append(found)
                return outcomes.blank(source, WriteStatus.APPLIED, given["id"])

            name = "addMembers" if member else "removeMembers"
            place = (change.add if member else change.remove).index(contact)
            return Attempt(
                step=f"{name}:{contact}",
                upstream=upstream,
                price=2,
                work=work,
                failed=lambda error: outcomes.failed(
                    source,
                    error,
                    target=given["id"],
                    look=LOOK,
                    # the contact is known to be there, so what is missing is the group
                    path_of=lambda _: ("id",) if isinstance(error, UpstreamMissing) else (name, str(place)),
                ),
                targets=[given["id"]],
            )

        made = await attempts.make([attempt(each, member=member) for each, member in wanted])
        names = [
            f"addMembers.{change.add.index(each)}" if member else f"removeMembers.{change.remove.index(each)}"
            for each, member in wanted
        ]
        outcome = _summed(made, names, placeless)
        return self._done(outcome, read[-1:], EventType.GROUP_UPDATED, wrong)

    # What they share.

    def _members(self, given: Given, name: str, source: Source, wrong: Complaints) -> tuple[str, ...] | None:
        """The vendor ids of a list of contacts; None where it is not given."""
        texts = given.get(name)
        if texts is None:
            return None
        if len(texts) > inputs.MOST_IDS:
            text = f"The list holds {len(texts)} ids; at most {inputs.MOST_IDS} are taken."
            wrong.add(UserErrorCode.TOO_LARGE, text, name)
            return ()
        found: dict[str, None] = {}
        for place, each in enumerate(texts):
            key = inputs.contact_id(each, self.desk.account, wrong, name, place)
            if key is not None and key.source is not source:
                text = f"Members of a group have to be contacts of {source.value}."
                wrong.add(UserErrorCode.INVALID, text, name, place)
            elif key is not None:
                found[key.id] = None
        return tuple(found)

    async def _strangers(
        self, given: Given, names: Sequence[str], source: Source, wrong: Complaints
    ) -> WriteOutcome | None:
        """Complain of members that are not there; an outcome where the source cannot say."""
        for name in names:
            texts = list(dict.fromkeys(given.get(name) or ()))
            keys = {
                text: key
                for text in texts
                if (key := inputs.contact_id(text, self.desk.account, Complaints(), name)) is not None
            }
            paths: dict[str, Sequence[str | int]] = {text: (name, texts.index(text)) for text in keys}
            for error in (await self.desk.check_there(keys, wrong, paths)).values():
                return outcomes.failed(source, error, target=given.get("id"))
        return None

    async def _made(
        self, upstream: Upstream, work: attempts.Work, *, target: str | None, price: int
    ) -> WriteOutcome:
        def failed(error: GatewayError) -> WriteOutcome:
            outcome = outcomes.failed(
                upstream.source, error, target=target, look=LOOK, path_of=upstream.field_of
            )
            if isinstance(error, Conflict):
                outcome["userErrors"] = [
                    user_error(UserErrorCode.CONFLICT, error.message, source=upstream.source)
                ]
            return outcome

        (outcome,) = await attempts.make(
            [
                Attempt(
                    step="group",
                    upstream=upstream,
                    price=price,
                    work=work,
                    failed=failed,
                    targets=[target] if target else (),
                )
            ]
        )
        return outcome

    def _done(
        self,
        outcome: WriteOutcome,
        read: Sequence[Group],
        type_: EventType,
        wrong: Complaints,
    ) -> Done:
        group = read[-1] if read else None
        held = group["id"] if group else outcome.get("more", {}).get("group")
        happenings = []
        if outcome["status"] in DONE:
            payload = {
                "group": held or outcome["targetId"],
                "applied": outcome["applied"],
                "ignored": outcome["ignored"],
            }
            happenings.append(Happening(type=type_, source=Source(outcome["source"]), payload=payload))
        return Done(
            _payload(held, outcome, wrong),
            groups=[group] if group else [],
            happenings=happenings,
        )


def _ids(keys: Sequence[ContactKey] | None) -> list[str]:
    return [key.id for key in keys or ()]


def _written(
    source: Source,
    group: Group,
    values: GroupValues,
    asked: Sequence[str],
    *,
    target: str | None,
    ignored: Sequence[str] = (),
) -> WriteOutcome:
    """The outcome of a write whose answer shows the group."""
    plain = {"name": group["name"], "email": group["email"], "phone": group["phone"]}
    notes = group["notes"][0]["text"] if group["notes"] else None
    held = {**plain, "notes": notes}
    dropped = [
        name
        for name, value in values.named().items()
        if (name in held and held[name] != value)
        or (name == "address" and (group["address"] is None) != (value is None))
    ]
    ignored = [*ignored, *dropped]
    result = Written(applied=tuple(name for name in asked if name not in ignored), ignored=tuple(ignored))
    found = outcomes.written(source, result, [], target=target, silent=False)
    found["more"] = {"group": group["id"]}
    return found


def _but(found: WriteOutcome, error: GatewayError, text: str) -> WriteOutcome:
    """An outcome of which a part was carried out, before this error."""
    status = WriteStatus.PARTIAL if found["applied"] else WriteStatus.REJECTED
    found["status"] = (WriteStatus.UNCERTAIN if error.uncertain else status).value
    if error.uncertain:
        found["ignored"] = []
        text = f"{text.partition(',')[0].rstrip('.;')}; whether its members are as asked is not known. {LOOK}"
    found["code"], found["message"] = error.code, f"{text} {error.message}"
    found["retryable"] = error.retryable and not error.uncertain
    found["retryAfterSeconds"] = error.retry_after
    if isinstance(error, Conflict):
        found["userErrors"] = [user_error(UserErrorCode.CONFLICT, error.message, source=found["source"])]
    return found


def _summed(made: Sequence[WriteOutcome], names: Sequence[str], placeless: Sequence[str]) -> WriteOutcome:
    """One outcome for a group out of those of its single members: the most doubtful counts."""
    by_name = dict(zip(names, made, strict=True))
    applied = [name for name, each in by_name.items() if each["status"] in DONE]
    failed = {name: each for name, each in by_name.items() if each["status"] not in DONE}
    doubtful = next((each for each in failed.values() if each["status"] == WriteStatus.UNCERTAIN), None)
    found: WriteOutcome = {**(doubtful or next(iter(failed.values()), made[0]))}
    found["applied"] = applied
    found["ignored"] = [
        *(name for name, each in failed.items() if each["status"] != WriteStatus.UNCERTAIN),
        *placeless,
    ]
    found["userErrors"] = [error for each in failed.values() for error in each["userErrors"]]
    if doubtful is None and applied and (failed or placeless):
        found["status"] = WriteStatus.PARTIAL.value
    return found


def _check_lists(lists: dict[str, tuple[str, ...] | None], wrong: Complaints) -> None:
    if lists["setMembers"] is not None and (lists["addMembers"] or lists["removeMembers"]):
        text = "setMembers replaces all members: leave addMembers and removeMembers out."
        wrong.add(UserErrorCode.CONFLICT, text, "setMembers")
    for place, each in enumerate(lists["removeMembers"] or ()):
        if each in (lists["addMembers"] or ()):
            text = "The same contact is to be added and taken out."
            wrong.add(UserErrorCode.CONFLICT, text, "removeMembers", place)
    for name in ("addMembers", "removeMembers"):
        if lists[name] == () and not wrong:
            wrong.add(UserErrorCode.REQUIRED, "The list is empty: leave it out.", name)


def _payload(group: str | None, outcome: WriteOutcome | None, wrong: Complaints) -> dict[str, Any]:
    return {"group": group, "outcome": outcome, "userErrors": wrong.found}

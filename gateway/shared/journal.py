"""The journal that all replicas share: events in a stream, records, jobs and confirmations in hashes.

Several commands that belong together are one transaction (WATCH, MULTI, EXEC). What has to be known before
something leaves raises StateUnavailable while Redis is away; what is told afterwards is kept in this process
and told when it is back.
"""

import hashlib
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from gateway.errors import StateUnavailable
from gateway.journal.journal import RUNNING, STATES_KEPT, Keyed, KeyedAs, Noted, Open, news
from gateway.model.audit import AuditEntry, AuditQuery, AuditRecord
from gateway.model.event import EventQuery, Happening
from gateway.model.person import Statement
from gateway.shared import log, trail
from gateway.shared import statements as said
from gateway.shared.state import AWAY, State, key
from gateway.telemetry import logs

KEPT_SECONDS: Final = 24 * 3600  # of a keyed write
MOST_UNTOLD: Final = 10_000  # changes that are kept while Redis is away
SCANNED: Final = 1_000  # names looked at in one call
STEP: Final = "step:"
TOLD_SECONDS: Final = 3_600  # for which it is known that something was told, should its answer be lost

Change = Callable[[Redis], Awaitable[Any]]


class RedisJournal:
    """The journal in Redis. Numbers grow over all replicas and accounts."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._untold: deque[Change] = deque(maxlen=MOST_UNTOLD)
        self.listeners: list[Callable[[str], None]] = []
        self._begun: dict[int, str] = {}  # jobs of this process that have not ended
        state.catching_up.append(self._tell_all)

    # Events.

    async def note(
        self,
        account: str,
        actor: str | None,
        at: str,
        happenings: Sequence[Happening],
        *,
        answer: Callable[[list[int]], Any],
        place: KeyedAs | None = None,
        entry: AuditEntry | None = None,
        closes: str | None = None,
        states: Mapping[str, str] | None = None,
        statements: Sequence[Statement] = (),
        heard: int | None = None,
    ) -> Any:
        """Append events, and make the answer out of their numbers, which grow.

        The answer of a keyed write, and the `entry` of the audit trail that `closes` an open one, are kept in
        the same transaction, as are the `states` of contacts and the `statements` of pairs. While Redis is
        away there are no numbers; statements are not kept for later, as others go by them now.
        """
        states = states or {}
        if not any((happenings, place, entry, states, statements)):
            return answer([])
        told = key("told", uuid.uuid4().hex)
        entries = [] if entry is None else [entry]
        made: Any = None

        async def append(pipe: Pipeline) -> Any:
            nonlocal made
            if await pipe.get(told) is not None:  # it was carried out, and the answer of Redis was lost
                _multi(pipe)
                return made
            await said.check(pipe, account, heard)
            new = happenings
            if actor is None:
                new = news(happenings, states, await _states(pipe, account, tuple(states)))
            noted = [(each.contact, log.event(each, actor, at)) for each in new]
            last = await log.last(pipe, account)
            numbers = list(range(last + 1, last + 1 + len(noted)))
            made = answer(numbers)
            newest = await trail.last(pipe, account) if entries else None
            _multi(pipe)
            trail.append(pipe, account, at, entries, newest)
            trail.close(pipe, closes)
            pipe.set(told, "1", ex=TOLD_SECONDS)
            if numbers or states:  # whoever looks at states now has to look again
                pipe.set(log.COUNTER, last + len(numbers))
            for known, state in states.items():
                pipe.set(_state(account, known), state, ex=STATES_KEPT)
            for number, (contact, event) in zip(numbers, noted, strict=True):
                log.append(pipe, account, number, contact, event)
            said.keep(pipe, account, statements)
            if place is not None:
                pipe.hset(_record(place), "answer", _text(made))
                pipe.expire(_record(place), KEPT_SECONDS)
            return made

        watched = [log.COUNTER, told, *([trail.stream(account)] if entries else [])]
        watched += [said.place(account)] if statements else []
        write = _together(append, *watched)
        if self._untold and not statements:  # it has to wait for its turn
            self._untold.append(write)
            return answer([])
        try:
            noted = await self._state.use(write)
        except StateUnavailable:
            if statements:
                raise
            self._untold.append(write)
            return answer([])
        for listener in self.listeners if happenings else ():
            listener(account)
        return noted

    async def states(self, account: str, contacts: Sequence[str]) -> dict[str, str]:
        """In which states contacts were last told of."""
        return await self._state.use(lambda redis: _states(redis, account, contacts))

    async def events(self, account: str, query: EventQuery, after: int, limit: int) -> list[Noted]:
        """Events behind a number, oldest first."""
        return await self._state.use(lambda redis: log.read(redis, account, query, after, limit))

    async def event(self, account: str, number: int) -> Noted | None:
        """One event."""
        found = await self.events(account, EventQuery(), number - 1, 1)
        return found[0] if found and found[0].number == number else None

    async def latest(self, account: str) -> int:
        """The number of the newest event; 0 where there is none."""
        return await self._state.use(lambda redis: log.latest(redis, account))

    async def erase_events(self, account: str, contacts: Sequence[str]) -> int:
        """Empty the events of contacts, by their global ids, and those that name one; of how many."""
        return await self._state.use(lambda redis: log.erase(redis, account, contacts))

    async def erase_answers(self, account: str, contacts: Sequence[str]) -> int:
        """Take values of contacts out of the answers that are kept of keyed writes; of how many."""
        del account  # an id of a contact names it
        wanted = frozenset(contacts)

        async def empty(redis: Redis) -> int:
            count = 0
            async for name in redis.scan_iter(match=key("keyed", "*"), count=SCANNED):
                answer = _json((await _hash(redis, name)).get("answer"))
                if answer and any(each["contact"] in wanted for each in answer.get("changes") or ()):
                    await _set(redis, name, answer=_text({**answer, "changes": []}))
                    await redis.expire(name, KEPT_SECONDS)
                    count += 1
            return count

        return await self._state.use(empty)

    # Statements.

    async def statements(self, account: str, known: int | None) -> tuple[int, list[Statement] | None]:
        """The version of what was said by hand of pairs, and all of it unless that version is `known`."""
        return await self._state.use(lambda redis: said.read(redis, account, known))

    async def erase_statements(self, account: str, refs: Sequence[str]) -> int:
        """Take away the statements that name one of these records; how many. Later, where Redis is away."""
        count = 0

        async def erase(redis: Redis) -> None:
            nonlocal count
            count = await said.erase(redis, account, refs)

        await self._tell(erase)
        return count

    # Keyed writes.

    async def claim(self, place: KeyedAs, fingerprint: str, at: str, owner: str, oldest: str) -> Keyed | None:
        """Begin a keyed write, unless it was begun before: then its record. What is older goes."""
        name = _record(place)
        fresh = {"fingerprint": fingerprint, "at": at, "owner": owner}

        async def begin(pipe: Pipeline) -> Keyed | None:
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("at", "") > oldest:
                return Keyed(held["fingerprint"], held["at"], held["owner"], _json(held.get("answer")))
            pipe.delete(name)
            pipe.hset(name, mapping=fresh)
            pipe.expire(name, KEPT_SECONDS)
            return None

        found: Keyed | None = await self._transaction(begin, name)
        return found

    async def take_over(self, place: KeyedAs, owner: str, before: str) -> bool:
        """Go on with a keyed write that a process left behind; False where another one already does."""
        name = _record(place)

        async def take(pipe: Pipeline) -> bool:
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("owner") not in (before, owner):
                return False
            pipe.hset(name, "owner", owner)
            return True

        return bool(await self._transaction(take, name))

    async def drop(self, place: KeyedAs, owner: str) -> None:
        """Forget a keyed write that was begun and of which nothing was sent, unless it was taken over."""
        name = _record(place)

        async def forget(pipe: Pipeline) -> None:
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("owner") == owner:
                pipe.delete(name)

        await self._tell(_together(forget, name))

    async def answered(self, place: KeyedAs, answer: Any) -> None:
        """Keep the answer of a keyed write."""
        await self._tell(lambda redis: _set(redis, _record(place), answer=_text(answer)))

    async def steps(self, place: KeyedAs) -> dict[str, Any]:
        """The steps of a keyed write that have left, and their outcomes; None where that is not known."""
        held = await self._state.use(lambda redis: _hash(redis, _record(place)))
        return {name.removeprefix(STEP): _json(told) for name, told in held.items() if name.startswith(STEP)}

    async def leaving(self, place: KeyedAs, step: str, owner: str) -> bool:
        """Note that a step is about to leave; False where another process has taken the write over."""
        name, field = _record(place), f"{STEP}{step}"

        async def leave(pipe: Pipeline) -> bool:
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("owner") != owner:
                return False
            pipe.hset(name, field, held.get(field, ""))
            return True

        async def unsay(pipe: Pipeline) -> None:
            """Nothing left, though that it would may have been noted."""
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("owner") == owner and not held.get(field):
                pipe.hdel(name, field)

        try:
            return bool(await self._transaction(leave, name))
        except StateUnavailable:
            self._untold.append(_together(unsay, name))
            raise

    async def step(self, place: KeyedAs, step: str, outcome: Any) -> None:
        """Note what became of a step."""
        told = {f"{STEP}{step}": _text(outcome)}
        await self._tell(lambda redis: _set(redis, _record(place), **told))

    async def release(self, place: KeyedAs, owner: str) -> None:
        """Nobody carries a keyed write out any more: whoever comes next may go on with it."""
        name = _record(place)

        async def free(pipe: Pipeline) -> None:
            held = await _hash(pipe, name)
            _multi(pipe)
            if held.get("owner") == owner and "answer" not in held:
                pipe.hset(name, "owner", "")

        await self._tell(_together(free, name))

    # Imports.

    async def begin_job(self, account: str, owner: str, job: Any, named: Callable[[int], str]) -> int:
        """Keep a new import, with the id that `named` makes of its number; the number."""

        async def begin(redis: Redis) -> int:
            number = int(await redis.incr(key("job")))
            job["id"] = named(number)
            async with redis.pipeline() as pipe:
                pipe.hset(
                    _job(number),
                    mapping={"account": account, "owner": owner, "state": job["state"], "job": _text(job)},
                )
                pipe.sadd(_jobs(account), number)
                await pipe.execute()
            return number

        number = await self._state.use(begin)
        self._begun[number] = owner
        return number

    async def drop_job(self, number: int) -> None:
        """Forget an import that was never begun."""
        await self._if_ours(number, lambda pipe: pipe.delete(_job(number)))
        self._begun.pop(number, None)

    async def keep_job(self, number: int, job: Any) -> None:
        """Keep an import as it is now."""
        mapping = {"state": str(job["state"]), "job": _text(job)}
        await self._if_ours(number, lambda pipe: pipe.hset(_job(number), mapping=mapping))
        if mapping["state"] != RUNNING:
            self._begun.pop(number, None)

    async def _if_ours(self, number: int, change: Callable[[Pipeline], object]) -> None:
        """Change a job that this process has begun, unless a Redis without memory gave its number away."""
        owner = self._begun.get(number)

        async def carry_out(pipe: Pipeline) -> None:
            held = await _hash(pipe, _job(number))
            _multi(pipe)
            if owner is None or held.get("owner") == owner:
                change(pipe)

        await self._tell(_together(carry_out, _job(number)))

    async def end_job(self, number: int, owner: str, ended: Callable[[Any], Any]) -> Any:
        """The import, after `ended` has made it what it is now: unless its owner has ended it itself."""

        async def end(pipe: Pipeline) -> Any:
            held = await _hash(pipe, _job(number))
            _multi(pipe)
            if not held:
                return None
            if held["owner"] != owner or held["state"] != RUNNING:
                return _json(held["job"])
            changed = ended(_json(held["job"]))
            pipe.hset(_job(number), mapping={"state": str(changed["state"]), "job": _text(changed)})
            return changed

        return await self._transaction(end, _job(number))

    async def job(self, account: str, number: int) -> tuple[str, Any] | None:
        """The owner of an import, and the import."""
        held = await self._state.use(lambda redis: _hash(redis, _job(number)))
        return (held["owner"], _json(held["job"])) if held.get("account") == account else None

    async def jobs_in(self, account: str, state: str) -> list[tuple[int, str]]:
        """The imports of an account in a state: number, owner."""

        async def read(redis: Redis) -> list[tuple[int, str]]:
            found = []
            for member in await cast("Awaitable[set[bytes]]", redis.smembers(_jobs(account))):
                number = int(member)
                held = await _hash(redis, _job(number))
                if held.get("state") == state:
                    found.append((number, held["owner"]))
                elif held.get("state") != RUNNING:  # ended or dropped: nobody looks for it any more
                    await cast("Awaitable[int]", redis.srem(_jobs(account), member))
            return sorted(found)

        return await self._state.use(read)

    # Confirmations.

    async def hand_out(self, token: str, account: str, caller: str, bound: str, expires: str) -> None:
        """Keep a confirmation: a hash of it, whose it is, what it is bound to, and until when."""
        mapping = {"account": account, "caller": caller, "bound": bound, "expires": expires}

        async def keep(redis: Redis) -> None:
            async with redis.pipeline() as pipe:
                pipe.hset(_confirmation(token), mapping=mapping)
                pipe.expire(_confirmation(token), KEPT_SECONDS)
                await pipe.execute()

        await self._state.use(keep)

    async def redeem(self, token: str, account: str, caller: str, bound: str, now: str, *, use: bool) -> bool:
        """Whether a confirmation is good for this, now; `use` takes it away, as it is good once only."""
        wanted = {"account": account, "caller": caller, "bound": bound}
        mine = uuid.uuid4().hex

        async def take(pipe: Pipeline) -> bool:
            held = await _hash(pipe, _confirmation(token))
            _multi(pipe)
            unused = held.pop("used", mine) == mine  # by us: the answer was lost
            good = held.pop("expires", "") > now and held == wanted and unused
            if good and use:
                pipe.hset(_confirmation(token), "used", mine)
            return good

        return bool(await self._transaction(take, _confirmation(token)))

    # The audit trail.

    async def open_audit(self, token: str, account: str, owner: str, at: str, entry: AuditEntry) -> None:
        """Keep what is about to be carried out, until its end is recorded."""
        await self._tell(lambda redis: trail.begin(redis, Open(token, account, owner, at, entry)))

    async def audit(
        self, account: str, at: str, entries: Sequence[AuditEntry], closes: str | None = None
    ) -> None:
        """Add records to the audit trail of an account."""
        told = key("told", uuid.uuid4().hex)

        async def append(pipe: Pipeline) -> None:
            done = await pipe.get(told) is not None  # it was carried out, and the answer was lost
            newest = await trail.last(pipe, account)
            _multi(pipe)
            if not done:
                pipe.set(told, "1", ex=TOLD_SECONDS)
                trail.append(pipe, account, at, entries, newest)
                trail.close(pipe, closes)

        await self._tell(_together(append, told, trail.stream(account)))

    async def open_audits(self) -> list[Open]:
        """What was begun and has no end, of all accounts."""
        return await self._state.use(trail.open_ones)

    async def trail(
        self, account: str, query: AuditQuery, before: int | None, limit: int
    ) -> list[AuditRecord]:
        """Records below a number, newest first."""
        return await self._state.use(lambda redis: trail.read(redis, account, query, before, limit))

    async def audited(self) -> list[str]:
        """The accounts that have records."""
        return await self._state.use(trail.accounts)

    async def erase(self, account: str, contact: str) -> int:
        """Take away what records say of a contact, by its global id; of how many. The chain stays whole."""
        return await self._state.use(lambda redis: trail.erase(redis, account, contact))

    async def aclose(self) -> None:
        """Tell what was not told yet, where that can still be done."""
        with suppress(*AWAY):
            await self._tell_all()

    async def _transaction(self, work: Callable[[Pipeline], Awaitable[Any]], name: str) -> Any:
        return await self._state.use(_together(work, name))

    async def _tell(self, change: Change) -> None:
        """Make a change now, or when Redis is back; never before one that waits already."""
        if not self._untold:
            with suppress(StateUnavailable):
                await self._state.use(change)
                return
        self._untold.append(change)

    async def _tell_all(self) -> bool:
        """Redis is back: tell what happened meanwhile, in the order in which it did. Whether anything had."""
        waited = bool(self._untold)
        while self._untold:
            change = self._untold[0]
            try:
                await change(self._state.redis)
            except AWAY:
                raise
            except Exception as error:  # one that can never be told must not keep the others back
                logs.failure(error, "journal")
            if self._untold and self._untold[0] is change:  # neither told by another nor crowded out
                self._untold.popleft()
        return waited


def _together(work: Callable[[Pipeline], Awaitable[Any]], *watched: str) -> Change:
    """A change that is carried out as a whole, by what is found under the names that are watched.

    Where the answer of Redis is lost, or somebody else has changed what is watched, `work` is asked again:
    it may have been carried out already.
    """
    return lambda redis: redis.transaction(cast("Any", work), *watched, value_from_callable=True)


def _multi(pipe: Pipeline) -> None:
    """What follows is carried out together, or not at all."""
    cast("Any", pipe).multi()


async def _hash(redis: "Redis | Pipeline", name: str) -> dict[str, str]:
    held = await cast("Awaitable[Mapping[bytes, bytes]]", redis.hgetall(name))
    return {field.decode(): value.decode() for field, value in held.items()}


async def _set(redis: Redis, name: str, **mapping: str) -> None:
    await cast("Awaitable[int]", redis.hset(name, mapping=cast("Any", mapping)))


def _record(place: KeyedAs) -> str:
    """The name of a record; callers choose the key, so it is hashed."""
    return key("keyed", hashlib.sha256(orjson.dumps(place.parts)).hexdigest())


def _job(number: int) -> str:
    return key("job", str(number))


def _jobs(account: str) -> str:
    return key("jobs", account)


def _confirmation(token: str) -> str:
    return key("confirmation", token)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _json(text: str | None) -> Any:
    return orjson.loads(text) if text else None


def _state(account: str, contact: str) -> str:
    return key("state", account, contact)


async def _states(redis: "Redis | Pipeline", account: str, contacts: Sequence[str]) -> dict[str, str]:
    if not contacts:
        return {}
    found = await redis.mget([_state(account, contact) for contact in contacts])
    return {contact: state.decode() for contact, state in zip(contacts, found, strict=True) if state}

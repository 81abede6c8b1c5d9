"""Values of records: made of those that are new at once, of those that are kept when somebody looks."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import orjson

from gateway.engine.compiled.telling import Selected, Telling, Written, compact
from gateway.model.record import KeptRecord

T = TypeVar("T")

NAME: Final = "sourceId"
AS_OF: Final = "asOf"
LONGEST: Final = 4_096  # signs of what is selected, where what is told of it is kept
KEPT: Final = {KeptRecord}
JSON, KEY, SOUND, TEXT, TOLD = map(attrgetter, ("json", "key", "sound", "text", "told"))


@dataclass(slots=True, eq=False)
class Maker(Generic[T]):
    """Makes values of records: dicts, with the id of the record as `sourceId`. `make` gets a record, and what
    stands for it in `_raw`, and has to depend on nothing else but `how`. Under the key `at` is the time at
    which the source has said it: `as_of`.
    """

    how: Hashable
    make: Callable[[Any, Any], T]
    at: str
    as_of: str

    def of(self, records: Sequence[Any]) -> Sequence[T]:
        """The values of records. What `make` raises is raised now; but of records that are kept, and were
        made before, values are made when somebody looks.
        """
        if {*map(type, records)} != KEPT:
            return [self._stamped(self._anew(each)) for each in records]
        if {*map(SOUND, records)} != {self.how}:
            for each in records:
                if each.sound != self.how:
                    made: Any = self._anew(each)
                    each.sound, each.key = self.how, str(made[NAME])
        return Made(records, [self] * len(records))

    def value(self, record: KeptRecord) -> T:
        """The value of a record that is kept, with its own time. All in it is shared: nobody changes it."""
        if record.how != self.how:
            record.keep(self.how, self._anew(record))
        return self._stamped(record.made.copy())

    def tell(self, record: KeptRecord, selected: Selected) -> bytes:
        """What is selected of the value of a record that is kept, as JSON. The value is not kept for that.
        Raises TypeError where it nests too deep.
        """
        if self.at in selected.names or len(selected.text) > LONGEST:
            return orjson.dumps(selected.one(self.value(record)))
        value = record.made if record.how == self.how else self._anew(record)
        json = compact(selected.one(value))
        record.keep_told((self.how, selected.text), json)
        return json

    def _anew(self, record: Any) -> T:
        if type(record) is KeptRecord:
            return self.make(record.read(), record.bare())
        return self.make(record, record)

    def _stamped(self, value: Any) -> T:
        value[self.at] = self.as_of
        found: T = value
        return found


class Made(Telling[T]):
    """Values of kept records, each by its maker: made when somebody looks at one, and told without."""

    __slots__ = ("_makers", "_records")

    def __init__(self, records: Sequence[KeptRecord], makers: Sequence[Maker[T]]) -> None:
        self._records = records
        self._makers = makers

    @classmethod
    def woven(cls, picks: "Sequence[tuple[Made[T], int]]") -> "Made[T]":
        """Some values of several lists."""
        records = [made._records[place] for made, place in picks]
        return cls(records, [made._makers[place] for made, place in picks])

    @property
    def keys(self) -> list[str]:
        """The ids of the records."""
        return [*map(KEY, self._records)]

    @property
    def as_of(self) -> str | None:
        """When the source has said the last of them; None where its values do not tell that of themselves."""
        maker = self._makers[-1]
        return maker.as_of if maker.at == AS_OF else None

    @property
    def json_bytes(self) -> int:
        """The size of the records as JSON."""
        return sum(map(len, map(TEXT, self._records)))

    def told(self, selected: Selected) -> Written | list[Any]:
        """What is selected of the values."""
        names = {maker: (maker.how, selected.text) for maker in {*self._makers}}
        try:
            if [*map(TOLD, self._records)] == [*map(names.__getitem__, self._makers)]:
                each = [*map(JSON, self._records)]
            else:
                each = [
                    record.json if record.told == names[maker] else maker.tell(record, selected)
                    for record, maker in zip(self._records, self._makers, strict=True)
                ]
        except TypeError:  # nests deeper than orjson goes
            return [selected.one(each) for each in self]
        return Written(b"[%b]" % b",".join(each), len(each))

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return Made(self._records[at], self._makers[at])
        return self._makers[at].value(self._records[at])

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[T]:
        for record, maker in zip(self._records, self._makers, strict=True):
            yield maker.value(record)

    def __eq__(self, other: object) -> bool:
        return [*self] == [*other] if isinstance(other, Made) else [*self] == other

    __hash__ = None  # type: ignore[assignment]


def keys(values: Sequence[Any]) -> list[str]:
    """The ids of records, of which no value is made for that."""
    return values.keys if isinstance(values, Made) else [str(each[NAME]) for each in values]


def as_of(values: Sequence[Any]) -> str | None:
    """When the source has said the last of some values, where they tell that."""
    if not values:
        return None
    found: str | None = values.as_of if isinstance(values, Made) else values[-1].get(AS_OF)
    return found


def picked(picks: Sequence[tuple[Sequence[T], int]]) -> Sequence[T]:
    """Some values of several lists."""
    made = [(items, place) for items, place in picks if isinstance(items, Made)]
    return Made.woven(made) if len(made) == len(picks) else [items[place] for items, place in picks]

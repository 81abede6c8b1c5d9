"""Values of records: those of kept ones are made when somebody looks, and told as they were before."""

import weakref
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from gateway.cache.making import Made, Maker, as_of, keys, picked
from gateway.engine.compiled.code import Odd
from gateway.engine.compiled.telling import Selected, Written
from gateway.model.record import JsonRecord, KeptRecord

RECORDS = [{"id": "a", "name": "Ada"}, {"id": "b", "name": "Grace"}, {"id": "c", "name": None}]
AT = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:00:01Z"


class Mapping:
    """Makes a value each time, counts, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, Any]] = []

    def __call__(self, record: Any, raw: Any) -> dict[str, Any]:
        self.given.append((record, raw))
        vendor_id = record["id"]
        return {"id": f"contact-{vendor_id}", "sourceId": vendor_id, "name": record["name"], "_raw": raw}


def kept() -> list[KeptRecord]:
    return [KeptRecord(orjson.dumps(each)) for each in RECORDS]


def maker(mapping: Any, how: str = "contact", as_of: str = AT) -> Maker[Any]:
    return Maker(how, mapping, "asOf", as_of)


def made(records: Sequence[Any], mapping: Any, how: str = "contact", as_of: str = AT) -> Any:
    """The values of records that were met before."""
    maker(mapping, how).of(records)
    return maker(mapping, how, as_of).of(records)


class Tell:
    """Tells some keys of an object, and counts."""

    def __init__(self, *names: str) -> None:
        self.times = 0
        self.selected = Selected(f"Contact {names}", frozenset(names), self.one, None)

    def one(self, value: Any) -> dict[str, Any]:
        self.times += 1
        return {name: value[name] for name in self.selected.names}


def told(values: Any, tell: Tell) -> Any:
    found = values.told(tell.selected)
    return found.read() if isinstance(found, Written) else found


def names(records: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"id": f"contact-{each['id']}", "name": each["name"]} for each in records]


def test_values_of_new_records_are_made_at_once() -> None:
    mapping = Mapping()
    found = maker(mapping).of(RECORDS)
    assert type(found) is list
    assert mapping.given == [(each, each) for each in RECORDS]
    assert {each["asOf"] for each in found} == {AT}


def test_kept_records_are_made_once_to_see_that_they_can_be_and_then_when_somebody_looks() -> None:
    mapping, records = Mapping(), kept()
    maker(mapping).of(records)
    assert len(mapping.given) == 3
    found = maker(mapping).of(records)
    assert (len(found), len(mapping.given)) == (3, 3)
    one = found[1]
    assert (one["id"], len(mapping.given)) == ("contact-b", 4)
    assert maker(mapping).of(records)[1] == one
    assert len(mapping.given) == 4
    assert [each["id"] for each in found] == ["contact-a", "contact-b", "contact-c"]
    assert len(mapping.given) == 6
    assert all(type(record) is dict and type(raw) is JsonRecord for record, raw in mapping.given)


def test_what_is_wrong_with_a_record_is_raised_as_long_as_nobody_made_it() -> None:
    def broken(record: Any, _: Any) -> dict[str, Any]:
        raise ValueError(record["id"])

    records = kept()
    for _ in range(3):
        with pytest.raises(ValueError, match="a"):
            maker(broken).of(records)


def test_another_way_makes_another_value() -> None:
    mapping, records = Mapping(), kept()
    one, other = made(records, mapping)[0], made(records, mapping, "group")[0]
    assert one == other
    assert one is not other


def test_each_answer_has_its_own_time() -> None:
    mapping, records = Mapping(), kept()
    one = made(records, mapping)[0]
    later = made(records, mapping, as_of=LATER)[0]
    assert (one["asOf"], later["asOf"]) == (AT, LATER)
    assert later == {**one, "asOf": LATER}
    assert later["_raw"] is one["_raw"]


def test_a_value_does_not_hold_its_record_in_a_cycle() -> None:
    class Part:
        pass

    records = kept()
    value = made(records, lambda _, raw: {"sourceId": "a", "part": Part(), "_raw": raw})[0]
    part = weakref.ref(value["part"])
    del value
    assert part() is not None
    records.clear()
    assert part() is None


def test_what_was_told_is_told_again_without_making_anything() -> None:
    mapping, tell, records = Mapping(), Tell("id", "name"), kept()
    assert told(made(records, mapping), tell) == names(RECORDS)
    made_of, told_of = len(mapping.given), tell.times
    assert told(made(records, mapping), tell) == names(RECORDS)
    assert told(made(records, mapping)[1:], tell) == names(RECORDS[1:])
    assert (len(mapping.given), tell.times) == (made_of, told_of)


def test_what_else_is_selected_or_made_is_told_anew() -> None:
    mapping, records = Mapping(), kept()
    assert told(made(records, mapping), Tell("id", "name")) == names(RECORDS)
    assert told(made(records, mapping), Tell("name")) == [{"name": each["name"]} for each in RECORDS]
    other: Any = lambda record, raw: {**mapping(record, raw), "id": "other"}  # noqa: E731
    assert {each["id"] for each in told(made(records, other, "other"), Tell("id", "name"))} == {"other"}
    assert told(made(records, mapping), Tell("id", "name")) == names(RECORDS)


def test_the_time_is_never_told_as_before() -> None:
    mapping, records = Mapping(), kept()
    for time in (AT, LATER):
        assert told(made(records, mapping, as_of=time), Tell("asOf")) == [{"asOf": time}] * 3


def test_what_is_odd_is_raised_and_not_kept() -> None:
    def odd(value: Any) -> dict[str, Any]:
        if value["name"] is None:
            raise Odd
        return {"name": value["name"]}

    records = kept()
    for _ in range(3):
        with pytest.raises(Odd):
            made(records, Mapping()).told(Selected("Contact name", frozenset({"name"}), odd, None))
    assert [json for each in records if (json := each.json)] == [b'{"name":"Ada"}', b'{"name":"Grace"}']


def test_what_is_told_of_a_long_selection_is_not_kept() -> None:
    tell, records = Tell("id"), kept()
    tell.selected = tell.selected._replace(text="Contact{" + "id:id: " * 1_000 + "}")
    for _ in range(2):
        assert told(made(records, Mapping()), tell) == [{"id": f"contact-{each['id']}"} for each in RECORDS]
    assert tell.times == 6
    assert {each.json for each in records} == {b""}


def test_what_nests_deeper_than_orjson_goes_is_told_as_it_is() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    found = told(made(kept(), lambda _, raw: {"deep": deep, "sourceId": "a", "_raw": raw}), Tell("deep"))
    assert found == [{"deep": deep}] * 3


def test_values_of_several_lists_are_told_together_and_made_one_by_one() -> None:
    mapping, tell = Mapping(), Tell("id", "name")
    one, other = made(kept(), mapping), made(kept(), mapping, "group")
    found = picked([(one, 2), (other, 0), (one, 0)])
    assert isinstance(found, Made)
    assert told(found, tell) == names([RECORDS[2], RECORDS[0], RECORDS[0]])
    assert found[1] == other[0]
    plain = picked([(one, 2), ([{"id": "x"}], 0)])
    assert plain == [one[2], {"id": "x"}]
    assert picked([]) == []


def test_ids_and_times_are_told_without_making_anything() -> None:
    mapping, records = Mapping(), kept()
    found = made(records, mapping, as_of=LATER)
    made_of = len(mapping.given)
    assert keys(found) == keys(found[:2]) + keys(found[2:]) == ["a", "b", "c"]
    assert as_of(found) == LATER
    assert len(mapping.given) == made_of
    assert (keys([*found]), as_of([*found])) == (["a", "b", "c"], LATER)
    assert as_of(Maker("group", mapping, "_asOf", AT).of(records)) is None
    assert (keys([]), as_of([])) == ([], None)


def test_made_values_are_what_a_list_is() -> None:
    records, mapping = kept(), Mapping()
    found = made(records, mapping)
    assert found == [*found]
    assert found == made(records, mapping)
    assert found[:2] != found
    assert found[-1]["id"] == "contact-c"
    assert found.json_bytes == sum(len(orjson.dumps(each)) for each in RECORDS)

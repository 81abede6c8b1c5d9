"""Who is there already with a value that an import merges by, and what that proves afterwards."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.index.reader import Index
from gateway.model.importing import RowStatus
from gateway.model.source import Source
from gateway.model.text import as_text
from gateway.ports import Imported, Sheet, Verdict

Values = Mapping[str, str]

MANY: Final = -1  # in place of a row


@dataclass(slots=True)
class Held:
    """The contacts of a module as they were at one time.

    `everyone` are their vendor ids. Of those who share a value with a row, `ids` leads to them by field and
    value, `values` holds what the file is about to write, and `names` their global ids.
    """

    everyone: set[str] = field(default_factory=set)
    ids: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def find(self, field: str, value: str) -> Sequence[str]:
        """Who has exactly this value."""
        return self.ids.get((field, value), ())

    def of(self, contact: str) -> Values:
        """What is known of one of them."""
        return self.values.get(contact, {})


async def held(index: Index, source: Source, module: str, sheet: Sheet, keys: Sequence[str]) -> Held:
    """Those contacts of the index who share a value of these fields with a row."""
    wanted = {
        (key, row[place])
        for place, key in enumerate(sheet.keys)
        if key in keys
        for row in sheet.rows
        if row[place]
    }
    found = Held()
    async for contacts in index.all(source, module):
        for contact in contacts:
            vendor_id = contact["sourceId"]
            found.everyone.add(vendor_id)
            values = {each["key"]: as_text(each["value"]) for each in contact["_properties"] or ()}
            shared = [(key, values[key]) for key in keys if (key, values.get(key, "")) in wanted]
            for pair in shared:
                found.ids.setdefault(pair, []).append(vendor_id)
            if shared:
                found.names[vendor_id] = contact["id"]
                found.values[vendor_id] = values
    return found


def proved(sheet: Sheet, imported: Imported, before: Held, after: Held, keys: Sequence[str]) -> list[Verdict]:
    """Verdicts completed by what the contacts prove, where only one row can have made the difference.

    A contact that was not there before and holds the values of a row was created by it; one that was there,
    holds them now and did not before was merged with it. Where the counts account for every row, one that
    made nobody new was merged too, and so are all that are left when the others are known. What contradicts
    the counts proves nothing.
    """
    rows = [{key: cell for key, cell in zip(sheet.keys, row, strict=True) if cell} for row in sheet.rows]
    by_value: dict[tuple[str, str], list[int]] = {}
    for index, (row, verdict) in enumerate(zip(rows, imported.verdicts, strict=True)):
        if verdict.status != RowStatus.FAILED:
            for key in keys:
                if key in row:
                    by_value.setdefault((key, row[key]), []).append(index)
    reached, fresh = _reached(by_value, before, after)
    complete = _complete(imported)
    found = list(imported.verdicts)
    for index, row in enumerate(rows):
        values = [(key, row[key]) for key in keys if len(by_value.get((key, row.get(key, "")), ())) == 1]
        alone = {each for pair in values for each in after.find(*pair) if reached[each] == index}
        found[index] = _proved(found[index], row, alone, before, after)
        makes_nobody = not any((key, cell) in fresh for key, cell in row.items())
        if complete and found[index].status is None and makes_nobody:
            found[index] = _merged(found[index], row, alone, after)
    if not _adds_up(found, imported):
        return list(imported.verdicts)
    return _left(found, imported) if complete else found


def _reached(
    by_value: Mapping[tuple[str, str], Sequence[int]], before: Held, after: Held
) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """The one row that shares a value with each contact, or MANY; and the values that somebody new has."""
    reached: dict[str, int] = {}
    fresh: set[tuple[str, str]] = set()
    for pair, indexes in by_value.items():
        row = indexes[0] if len(indexes) == 1 else MANY
        for contact in (*after.find(*pair), *before.find(*pair)):
            if reached.setdefault(contact, row) != row:
                reached[contact] = MANY
            if contact not in before.everyone:
                fresh.add(pair)
    return reached, fresh


def _proved(verdict: Verdict, row: Values, alone: Collection[str], before: Held, after: Held) -> Verdict:
    if verdict.status not in (None, RowStatus.CREATED, RowStatus.MERGED):
        return verdict
    new = [each for each in alone if each not in before.everyone and _holds(after.of(each), row)]
    old = [each for each in alone if each in before.everyone and _holds(after.of(each), row)]
    if len(new) == 1 and not old and verdict.status != RowStatus.MERGED:
        return replace(verdict, status=RowStatus.CREATED, contact=new[0])
    if verdict.status == RowStatus.MERGED and len(old) == 1 and not new:
        return replace(verdict, contact=old[0])
    changed = [each for each in old if each in before.values and not _holds(before.of(each), row)]
    if len(changed) == 1 and not new and verdict.status != RowStatus.CREATED:
        return replace(verdict, status=RowStatus.MERGED, contact=changed[0])
    return verdict


def _merged(verdict: Verdict, row: Values, alone: Collection[str], after: Held) -> Verdict:
    """The verdict on a row that was taken and made nobody new: merged, where one contact holds it."""
    holding = [each for each in alone if _holds(after.of(each), row)]
    if len(alone) == 1 and holding:
        return replace(verdict, status=RowStatus.MERGED, contact=holding[0])
    return verdict


def _complete(imported: Imported) -> bool:
    """Whether the counts account for every row, and the rows that failed are known."""
    if imported.created is None or imported.merged is None or imported.failed is None:
        return False
    failed = sum(each.status == RowStatus.FAILED for each in imported.verdicts)
    return (
        failed == imported.failed
        and imported.created + imported.merged + failed == len(imported.verdicts)
        and all(each.status != RowStatus.UNKNOWN for each in imported.verdicts)
    )


def _left(verdicts: Sequence[Verdict], imported: Imported) -> list[Verdict]:
    """Verdicts in which the rows that are left are called what the counts leave, if it is one thing."""
    left = sum(each.status is None for each in verdicts)
    for status, count in ((RowStatus.CREATED, imported.created), (RowStatus.MERGED, imported.merged)):
        if count is not None and count - sum(each.status == status for each in verdicts) == left:
            return [replace(each, status=status) if each.status is None else each for each in verdicts]
    return list(verdicts)


def _holds(values: Values, row: Values) -> bool:
    return all(values.get(key) == cell for key, cell in row.items())


def _adds_up(verdicts: Sequence[Verdict], imported: Imported) -> bool:
    """Whether no more rows are called created or merged than the source has counted."""
    for status, count in ((RowStatus.CREATED, imported.created), (RowStatus.MERGED, imported.merged)):
        if count is not None and sum(each.status == status for each in verdicts) > count:
            return False
    return True

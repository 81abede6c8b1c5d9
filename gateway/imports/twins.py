"""Who is there already with a value that an import merges by, and what that proves afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.index.reader import Index
from gateway.model.importing import RowStatus
from gateway.model.source import Source
from gateway.model.text import as_text
from gateway.ports import Imported, Sheet, Verdict

Values = Mapping[str, str]


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
    holds them now and did not before was merged with it. What contradicts the counts proves nothing.
    """
    rows = [{key: cell for key, cell in zip(sheet.keys, row, strict=True) if cell} for row in sheet.rows]
    reached: dict[str, list[int]] = {}
    for index, (row, verdict) in enumerate(zip(rows, imported.verdicts, strict=True)):
        if verdict.status != RowStatus.FAILED:
            for contact in _sharing(row, after, keys) | _sharing(row, before, keys):
                reached.setdefault(contact, []).append(index)
    found = list(imported.verdicts)
    for index, row in enumerate(rows):
        alone = [each for each in _sharing(row, after, keys) if reached.get(each) == [index]]
        found[index] = _proved(found[index], row, alone, before, after)
    return found if _adds_up(found, imported) else list(imported.verdicts)


def _sharing(row: Values, held: Held, keys: Sequence[str]) -> set[str]:
    return {contact for key in keys if key in row for contact in held.find(key, row[key])}


def _proved(verdict: Verdict, row: Values, alone: Sequence[str], before: Held, after: Held) -> Verdict:
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


def _holds(values: Values, row: Values) -> bool:
    return all(values.get(key) == cell for key, cell in row.items())


def _adds_up(verdicts: Sequence[Verdict], imported: Imported) -> bool:
    """Whether no more rows are called created or merged than the source has counted."""
    for status, count in ((RowStatus.CREATED, imported.created), (RowStatus.MERGED, imported.merged)):
        if count is not None and sum(each.status == status for each in verdicts) > count:
            return False
    return True

"""Who is there already with a value that an import merges by, and what that proves afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.index.reader import Index
from gateway.model.importing import RowStatus
from gateway.model.source import Source
from gateway.model.text import as_text
from gateway.ports import Sheet, Verdict


@dataclass(slots=True)
class Held:
    """Vendor ids of contacts by field and value; only values that a file holds are kept."""

    ids: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    globals: dict[str, str] = field(default_factory=dict)

    def find(self, field: str, value: str) -> Sequence[str]:
        """Who has exactly this value."""
        return self.ids.get((field, value), ())


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
            for each in contact["_properties"] or ():
                pair = (each["key"], as_text(each["value"]))
                if pair in wanted:
                    found.ids.setdefault(pair, []).append(contact["sourceId"])
                    found.globals[contact["sourceId"]] = contact["id"]
    return found


def proved(
    sheet: Sheet, verdicts: Sequence[Verdict], before: Held, after: Held, keys: Sequence[str]
) -> list[Verdict]:
    """Verdicts completed by what a unique key proves: nobody had it before and one has it now, or still has.

    A value that stands in several rows, or that several contacts have, proves nothing.
    """
    places = [(key, place) for place, key in enumerate(sheet.keys) if key in keys]
    count = Counter((key, row[place]) for key, place in places for row in sheet.rows if row[place])
    found = []
    for row, verdict in zip(sheet.rows, verdicts, strict=True):
        unique = [(key, row[place]) for key, place in places if row[place] and count[key, row[place]] == 1]
        found.append(_proved(verdict, unique, before.ids, after.ids))
    return found


def _proved(
    verdict: Verdict,
    unique: Sequence[tuple[str, str]],
    before: Mapping[tuple[str, str], list[str]],
    after: Mapping[tuple[str, str], list[str]],
) -> Verdict:
    if verdict.status not in (None, RowStatus.CREATED, RowStatus.MERGED):
        return verdict
    for pair in unique:
        was, now = before.get(pair, []), after.get(pair, [])
        if len(now) != 1:
            continue
        if not was and verdict.status != RowStatus.MERGED:
            return replace(verdict, status=RowStatus.CREATED, contact=now[0])
        if was == now and verdict.status != RowStatus.CREATED:
            return replace(verdict, status=RowStatus.MERGED, contact=now[0])
    return verdict

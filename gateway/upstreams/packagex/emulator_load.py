"""What becomes of the rows of a file: contacts, members of groups, or issues."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from gateway.upstreams.packagex.emulator_addresses import Address, AddressBook
from gateway.upstreams.packagex.emulator_checks import merged_metadata
from gateway.upstreams.packagex.emulator_envelope import Answer
from gateway.upstreams.packagex.emulator_sheet import Row
from gateway.upstreams.packagex.emulator_store import Store


def load(rows: Sequence[Row], store: Store, addresses: AddressBook, now: int) -> Answer:
    """Add the contacts of a file and report their ids, and the rows that were not added."""
    homes = {row.index: _home(row, addresses) for row in rows}
    checked = [_with_address_checked(row, homes[row.index]) for row in rows]
    wanted = {group for row in checked for group in row.groups}
    existing = _groups_named(wanted, store)
    checked = with_groups_checked(checked, existing.keys())
    added = {}
    for row in checked:
        if not row.errors:
            added[row.index] = store.add(
                row.body["type"],
                row.body["name"],
                now,
                email=row.body.get("email"),
                phone=row.body.get("phone"),
                address=homes[row.index],
                metadata=merged_metadata({}, row.body["metadata"]),
            )
    _join(checked, added, existing, store, now)
    issues = [{"index": row.index, "errors": list(row.errors)} for row in checked if row.errors]
    ids = [store.record(serial)["id"] for serial in added.values()]
    return Answer(
        status=201, message=_summary(len(ids), len(issues)), data={"contact_ids": ids, "issues": issues}
    )


def with_groups_checked(rows: Sequence[Row], existing: Set[str]) -> list[Row]:
    """The same rows; one that names a group which is neither in the file nor there already is at fault.

    Such a row may be a group itself, which makes others fail, so we look again until nothing changes.
    """
    before: list[Row] = []
    after = list(rows)
    while after != before:
        before = after
        groups = {row.body["name"] for row in before if row.body["type"] == "group" and not row.errors}
        after = [_with_groups_checked(row, groups | existing) for row in before]
    return after


def _with_groups_checked(row: Row, groups: Set[str]) -> Row:
    known = "groups" in row.errors or groups >= set(row.groups)
    return row if known else replace(row, errors=(*row.errors, "groups"))


def _home(row: Row, addresses: AddressBook) -> Address | None:
    text = row.body.get("address")
    return addresses.resolve(text, row.body.get("address_line2")) if text else None


def _with_address_checked(row: Row, home: Address | None) -> Row:
    unknown = "address" in row.body and home is None
    return replace(row, errors=(*row.errors, "address")) if unknown else row


def _groups_named(names: set[str], store: Store) -> dict[str, int]:
    """Groups that exist, by name; the oldest of each name."""
    if not names:
        return {}
    found = {store.face(serial).name: serial for serial in reversed(store.serials("group"))}
    return {name: found[name] for name in names if name in found}


def _join(
    rows: Iterable[Row], added: Mapping[int, int], existing: Mapping[str, int], store: Store, now: int
) -> None:
    """Make the new contacts members of the groups they name; a group of the file comes before others."""
    groups = dict(existing)
    of_file = [row for row in rows if row.index in added and row.body["type"] == "group"]
    groups.update((row.body["name"], added[row.index]) for row in reversed(of_file))
    members: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row.index in added:
            for serial in dict.fromkeys(groups[name] for name in row.groups):
                members[serial].append(store.record(added[row.index])["id"])
    for serial, new in members.items():
        record = store.record(serial)
        lists = record["group_contacts"] | {"children": [*record["group_contacts"]["children"], *new]}
        store.put(serial, record | {"group_contacts": lists, "updated_at": now})


def _summary(created: int, faulty: int) -> str:
    text = f"{created} contact{'' if created == 1 else 's'} created"
    return f"{text}, {faulty} row{' has' if faulty == 1 else 's have'} issues" if faulty else text

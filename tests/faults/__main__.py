"""Runs the whole matrix and prints a table. Ends with 1 when a cell is wrong or slow, or something leaks."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.model.source import Source
from tests.faults.bench import TIMEOUT, bench, emulators
from tests.faults.matrix import ALONE, CELLS, Cell
from tests.faults.running import Result
from tests.faults.running import run as run_cell
from tests.support.faults import Fault

STARTING: Final = 3  # gateways at the same time
AT_ONCE: Final = 0.2  # seconds below which a source works again "at once"
NAMES: Final[Mapping[Source, str]] = {
    Source.SAMESPACE: "Samespace",
    Source.PACKAGEX: "PackageX",
    Source.SMART_SENDER: "Smart Sender",
}
PAGE: Final = """# Faults

<!-- Written by `make faults`. Do not edit. -->

What the gateway makes of a source that misbehaves: {sources} sources, {faults} faults, met by a read and by
a write. Each cell was run against a gateway process as it ships, with a proxy that breaks what passes
between it and the emulator of the source (`tests/support/faults.py`); what has to come of it stands in
`tests/faults/matrix.py`.

    make faults

runs all of them in less than two minutes and writes this page; it fails when a cell is wrong.

Every call to a source was given {timeout} seconds. In each cell

- a **read** of all three sources answers 200 without `errors`; the two others are OK and give what they give
  without the third, which stands in `sources` with this status and code;
- a **write** has an outcome with this status and code, was sent at most once, and is called retryable only
  where it cannot have been carried out;
- nothing of a faulty body, no key and no address of a source stands in the answer or in the log, and a
  redirect is not followed;
- once the source is healed, the same call works again. Where that takes a moment, the source had asked for
  it, or the gateway leaves it alone for so long.

*Seconds* is how long the caller waited. *Repeats* is how often the request was sent again; a refused or
hanging connection cannot tell. {result}

"""


@dataclass(slots=True)
class Run:
    """A run of all cells."""

    results: dict[Cell, Result] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Everything that is not as it should be."""
        found = [f"{result.cell.name}: {text}" for result in self._in_order for text in result.wrong]
        found += [
            f"{result.cell.name}: took {result.seconds:.1f} seconds"
            for result in self._in_order
            if result.slow
        ]
        return found + [f"log: {leak}" for leak in self.leaks]

    @property
    def _in_order(self) -> list[Result]:
        return [self.results[cell] for cell in CELLS]

    def table(self) -> str:
        """One row for each cell."""
        head = ("source", "fault", "kind", "status", "code", "seconds", "repeats", "works again", "verdict")
        rows = [head, tuple("---" for _ in head), *(_row(result) for result in self._in_order)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"

    def page(self) -> str:
        """The page of the documentation."""
        told = "\n".join(f"- {text}" for text in self.wrong)
        return (
            PAGE.format(
                sources=len(Source),
                faults=len(Fault),
                timeout=TIMEOUT,
                result=f"Not as it should be:\n\n{told}" if told else "All cells are as they should be.",
            )
            + self.table()
        )


def main() -> int:
    """Run everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page of the documentation")
    chosen = parser.parse_args()
    started = time.monotonic()
    run = asyncio.run(_run_all())
    print(run.table())
    if chosen.write:
        chosen.write.write_text(run.page(), encoding="utf-8")
    statuses = Counter(result.status for result in run.results.values())
    print(f"{len(run.results)} cells in {time.monotonic() - started:.0f} seconds: {dict(statuses)}")
    for text in run.wrong:
        print(f"WRONG {text}", file=sys.stderr)
    return 1 if run.wrong else 0


async def _run_all() -> Run:
    """One gateway for each source, and one for each cell or two that need their own; all at the same time."""
    run = Run()
    lanes: list[tuple[list[Cell], dict[str, Any]]] = []
    for source in Source:
        mine = [cell for cell in CELLS if cell.source is source]
        lanes.append(([cell for cell in mine if cell.fault is Fault.DNS], {"nowhere": source}))
        lanes += [([cell], {}) for cell in mine if cell.fault is Fault.RATE_LIMITED_UNTIMED]
        lanes.append(([cell for cell in mine if cell.fault not in ALONE], {}))
    with emulators() as addresses:
        async with bench(addresses) as first:
            contacts = first.contacts
        starting = asyncio.Semaphore(STARTING)
        ready = asyncio.Barrier(len(lanes))
        async with asyncio.TaskGroup() as tasks:
            for cells, options in lanes:
                ways = {"contacts": contacts, "starting": starting, **options}
                tasks.create_task(_lane(run, addresses, cells, ready, ways))
    return run


async def _lane(
    run: Run,
    addresses: Mapping[Source, str],
    cells: Sequence[Cell],
    ready: asyncio.Barrier,
    ways: Mapping[str, Any],
) -> None:
    """Some cells on a gateway of their own, one by one. None begins before all gateways are there."""
    async with bench(addresses, **ways) as made:
        await ready.wait()
        for cell in cells:
            try:
                run.results[cell] = await run_cell(made, cell)
            except Exception as error:  # also no answer at all is a result
                run.results[cell] = Result(cell=cell, wrong=[f"could not be run: {error!r}"])
        run.leaks += await asyncio.to_thread(made.end)


def _row(result: Result) -> tuple[str, ...]:
    cell = result.cell
    return (
        NAMES[cell.source],
        cell.fault.value,
        cell.kind,
        result.status or "–",
        result.code or "–",
        f"{result.seconds:.2f}{' slow' if result.slow else ''}",
        "–" if result.repeats is None else str(result.repeats),
        _recovery(result),
        "; ".join(result.wrong) or "right",
    )


def _recovery(result: Result) -> str:
    if result.cell.fault is Fault.DNS:
        return "not applicable"
    if result.recovered is None:
        return "no"
    return "at once" if result.recovered < AT_ONCE else f"after {result.recovered:.1f} s"


if __name__ == "__main__":
    sys.exit(main())

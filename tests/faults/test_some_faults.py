"""A representative part of the matrix; `make faults` runs all of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.model.source import Source
from tests.faults.bench import Bench, bench, emulators
from tests.faults.matrix import CELLS, Cell
from tests.faults.running import run
from tests.support.faults import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOME = (
    Cell(Source.SAMESPACE, Fault.REFUSED, write=False),
    Cell(Source.SAMESPACE, Fault.GRAPHQL_ERRORS, write=False),
    Cell(Source.SAMESPACE, Fault.CONNECT_HANG, write=True),
    Cell(Source.SAMESPACE, Fault.TRUNCATED, write=True),
    Cell(Source.SAMESPACE, Fault.UNAVAILABLE, write=True),
    Cell(Source.PACKAGEX, Fault.DRIP, write=False),
    Cell(Source.PACKAGEX, Fault.LARGE_ANSWER, write=False),
    Cell(Source.PACKAGEX, Fault.REFUSED, write=True),
    Cell(Source.PACKAGEX, Fault.RESET_IN_HEADERS, write=True),
    Cell(Source.PACKAGEX, Fault.REDIRECT, write=True),
    Cell(Source.SMART_SENDER, Fault.CONNECT_HANG, write=False),
    Cell(Source.SMART_SENDER, Fault.RATE_LIMITED, write=False),
    Cell(Source.SMART_SENDER, Fault.READ_HANG, write=True),
    Cell(Source.SMART_SENDER, Fault.UNAUTHORIZED, write=True),
    Cell(Source.SMART_SENDER, Fault.BAD_GATEWAY, write=True),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Bench]:
    """A gateway for all of them, in whose log nothing may stand that nobody may see."""
    with emulators() as addresses:
        async with bench(addresses, seconds=1.0) as made:
            yield made
            assert await asyncio.to_thread(made.end) == []


@pytest.mark.parametrize("cell", SOME, ids=lambda cell: cell.name)
async def test_a_fault_costs_what_it_has_to_and_no_more(gateway: Bench, cell: Cell) -> None:
    result = await run(gateway, cell, retry_after=1, calm=4)
    assert result.wrong == []


async def test_every_source_meets_every_fault_with_a_read_and_with_a_write() -> None:
    assert len(set(CELLS)) == len(Source) * len(Fault) * 2
    assert all(cell.expected for cell in CELLS)

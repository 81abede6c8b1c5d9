from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from gateway.upstreams.packagex.emulator import Emulator
from gateway.upstreams.people import Population
from tests.upstreams.packagex.contract import connect


@dataclass
class Clock:
    now: float = 1_800_000_000.75

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    return Emulator(Population(240), clock)


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(emulator) as client:
        yield client

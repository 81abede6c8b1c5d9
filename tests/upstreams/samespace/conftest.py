from collections.abc import AsyncIterator

import pytest

from gateway.upstreams.people import Population
from gateway.upstreams.samespace.emulator import Emulator
from tests.upstreams.samespace.calling import NOW, Caller, calling


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(Population(240), lambda: NOW)


@pytest.fixture
async def caller(emulator: Emulator) -> AsyncIterator[Caller]:
    async with calling(emulator) as http:
        yield Caller(http)

"""The journals that the tests of this folder are put to."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.journal.journal import Journal
from gateway.journal.store import SqliteJournal
from gateway.shared.journal import RedisJournal
from gateway.shared.state import State, connect


@pytest_asyncio.fixture(params=["sqlite", "redis"])
async def journal(request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    """The journal of one machine, and the one that replicas share: they keep the same promises."""
    if request.param == "sqlite":
        found = SqliteJournal(None)
        yield found
        await found.aclose()
        return
    state = State(connect(request.getfixturevalue("redis_url")))
    await state.probe()
    yield RedisJournal(state)
    await state.aclose()

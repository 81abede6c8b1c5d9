"""A process is known to live by a lock that ends with it."""

import asyncio
import os
from pathlib import Path

from gateway.journal.owner import Owner


async def test_others_see_an_owner_until_it_ends(tmp_path: Path) -> None:
    mine, other = Owner(tmp_path), Owner(tmp_path)
    assert await mine.lives(mine.name)
    assert await other.lives(mine.name)
    await mine.aclose()
    assert not await other.lives(mine.name)
    await other.aclose()
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    killed = Owner(tmp_path)
    assert killed.scratch is not None
    (killed.scratch / "upload").write_text("a file on its way")
    killed._file.close()  # type: ignore[union-attr]  # as the system does when it is killed
    next_one = Owner(tmp_path)
    assert not killed.scratch.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        (f"{next_one.name}.alive", f"{next_one.name}.scratch")
    )
    asyncio.run(next_one.aclose())


async def test_without_a_folder_nobody_else_lives() -> None:
    owner = Owner(None)
    assert await owner.lives(owner.name)
    assert not await owner.lives("somebody else")
    await owner.aclose()

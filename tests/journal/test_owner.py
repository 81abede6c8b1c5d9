"""A process is known to live by a lock that ends with it."""

import os
from pathlib import Path

from gateway.journal.owner import Owner


def test_others_see_an_owner_until_it_ends(tmp_path: Path) -> None:
    mine, other = Owner(tmp_path), Owner(tmp_path)
    assert mine.lives(mine.name)
    assert other.lives(mine.name)
    mine.close()
    assert not other.lives(mine.name)
    other.close()
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
    next_one.close()


def test_without_a_folder_nobody_else_lives() -> None:
    owner = Owner(None)
    assert owner.lives(owner.name)
    assert not owner.lives("somebody else")
    owner.close()

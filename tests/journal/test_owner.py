"""A process is known to live by a lock that ends with it."""

import asyncio
import os
import stat
import tempfile
from pathlib import Path

import pytest

from gateway.config import BadSetting
from gateway.journal.owner import NotOurs, Owner, temporary
from tests.support import world as worlds


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
    (killed.scratch / "upload").write_text("a file on its way")
    killed._file.close()  # as the system does when it is killed
    next_one = Owner(tmp_path)
    assert not killed.scratch.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        (f"{next_one.name}.alive", f"{next_one.name}.scratch")
    )
    asyncio.run(next_one.aclose())


def test_one_who_was_killed_while_it_began_is_swept_after_a_while(tmp_path: Path) -> None:
    old, young = tmp_path / "old.unborn", tmp_path / "young.unborn"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    owner = Owner(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)
    asyncio.run(owner.aclose())


def test_what_an_owner_keeps_is_for_its_user_alone(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    assert {path.suffix: modes(path) for path in tmp_path.iterdir()} == {".alive": 0o600, ".scratch": 0o700}
    asyncio.run(owner.aclose())


@pytest.fixture
def temporaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie, as the system says it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def modes(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_without_a_data_directory_temporary_files_have_an_owner_too(temporaries: Path) -> None:
    killed, alive = Owner(None), Owner(None)
    (killed.scratch / "upload").write_text("a file on its way")
    folder = temporaries / f"contacts-gateway-{os.geteuid()}"
    assert modes(folder) == 0o700
    assert killed.scratch.parent == alive.scratch.parent == folder
    killed._file.close()  # as the system does when it is killed
    next_one = Owner(None)
    assert not killed.scratch.exists()
    assert alive.scratch.exists()
    assert await next_one.lives(alive.name)
    assert not await next_one.lives(killed.name)
    await alive.aclose()
    await next_one.aclose()
    assert os.listdir(folder) == []


def test_a_folder_of_ours_that_others_may_read_is_closed_to_them(temporaries: Path) -> None:
    folder = temporaries / f"contacts-gateway-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert temporary() == folder
    assert modes(folder) == 0o700


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_temporary_files_go_through_no_link_and_into_no_file(temporaries: Path, kind: str) -> None:
    folder, elsewhere = temporaries / f"contacts-gateway-{os.geteuid()}", temporaries / "elsewhere"
    if kind == "file":
        folder.touch()
    else:
        folder.symlink_to(elsewhere)
    if kind == "link":
        elsewhere.mkdir()
    with pytest.raises(NotOurs):
        Owner(None)
    assert not elsewhere.exists() or os.listdir(elsewhere) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_temporary_files_never_go_into_a_folder_of_another_user(temporaries: Path) -> None:
    folder = temporaries / f"contacts-gateway-{os.geteuid()}"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65_534, 65_534)
    with pytest.raises(NotOurs, match="another user"):
        Owner(None)
    assert os.listdir(folder) == []
    folder.rmdir()


def test_a_gateway_says_why_it_does_not_start(temporaries: Path) -> None:
    (temporaries / f"contacts-gateway-{os.geteuid()}").touch()
    with pytest.raises(BadSetting, match="GATEWAY_DATA_DIR"):
        worlds.build()

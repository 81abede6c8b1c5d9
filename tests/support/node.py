"""What tests need of Node: packages that a lock file names, installed once for each lock file."""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools import node


@dataclass(frozen=True)
class Node:
    """Node, and the packages of one folder."""

    modules: Path
    command: str
    environment: Mapping[str, str] = field(repr=False)

    def run(self, script: str, *arguments: str, within: Path) -> subprocess.CompletedProcess[str]:
        """Run a script of the packages to its end."""
        return subprocess.run(
            [self.command, str(self.modules / script), *arguments],
            cwd=within,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


class NotInstalled(Exception):
    """npm could not install the packages; its text is what npm said."""


def installed(folder: Path) -> Node:
    """The packages of a folder, as its lock file says."""
    tool = node.found_or_installed()
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another process of the same run may be at it
        mark, wanted = modules / ".installed", hashlib.sha256(held.read()).hexdigest()
        if not mark.exists() or mark.read_text() != wanted:
            done = subprocess.run(
                [*tool.npm, *node.INSTALL, "--prefer-offline"],
                cwd=folder,
                env=tool.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            if done.returncode:
                raise NotInstalled(done.stderr)
            mark.write_text(wanted)
    return Node(modules, tool.node, tool.environment)


def packages(folder: Path) -> Node:
    """The packages of a folder for a test, which is skipped where there is no network, but in the build."""
    try:
        return installed(folder)
    except NotInstalled as failed:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"npm could not install {folder.name}: {str(failed)[-300:]}")

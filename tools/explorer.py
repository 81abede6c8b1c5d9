"""Builds the explorer's assets with Node: the machine's own, or one from PyPI where there is none."""

import sys

import node

EXPLORER = node.ROOT / "gateway" / "server" / "explorer"


def main() -> int:
    """Install and build; says how to go on when that does not work, and never stops `make run`."""
    tool = node.found_or_installed()
    print("Building the explorer …", flush=True)
    for arguments in (node.INSTALL, ("run", "--silent", "build")):
        if not tool.run_npm(*arguments, folder=EXPLORER):
            print(
                "The explorer could not be built; everything else works. Try `make explorer`.",
                file=sys.stderr,
            )
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

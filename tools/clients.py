"""Installs the clients in JavaScript that the tests put to the gateway."""

import sys

import node

CLIENTS = node.ROOT / "tests" / "clients"


def main() -> int:
    """Install what is locked; the tests of these clients are skipped where that does not work."""
    tool = node.found_or_installed()
    print("Installing the clients …", flush=True)
    if tool.run_npm(*node.INSTALL, folder=CLIENTS):
        (CLIENTS / "node_modules" / ".done").touch()
    else:
        print("The clients could not be installed: their tests will be skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The gateway as it is installed: without what only the tests bring along.

httpx imports rich wherever it finds it, for a command of its own: 4 MB, and a tenth of a second.
"""

import sys

sys.modules["rich"] = None  # type: ignore[assignment]  # as if it were not there

from gateway import cli  # noqa: E402

if __name__ == "__main__":
    sys.exit(cli.main())

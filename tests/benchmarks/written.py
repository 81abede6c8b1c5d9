"""Puts what was measured into a page, between two comments that name it."""

from collections.abc import Sequence
from pathlib import Path


def put(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what lies between `<!-- name -->` and `<!-- end of name -->`."""
    begins, ends = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = page.read_text().partition(begins)
    _, closed, after = rest.partition(ends)
    if not found or not closed:
        raise SystemExit(f"{page} has no place for {name}: {begins}{ends}")
    text = "\n".join(lines).strip()
    page.write_text(f"{before}{begins}\n{text}\n\n{ends}{after}")

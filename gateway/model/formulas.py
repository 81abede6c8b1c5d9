"""Texts that spreadsheets take for formulas. A file of its own: what reads files has to begin quickly."""

from collections.abc import Sequence
from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their wide forms


def cells(texts: Sequence[str]) -> list[str]:
    """Cells that no spreadsheet takes for a formula; the apostrophe is taken off again by an import."""
    return [f"'{text}" if text.startswith(FORMULA_SIGNS) else text for text in texts]

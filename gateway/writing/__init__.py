"""Writes: inputs checked, single attempts with honest outcomes, and what has to follow from them."""

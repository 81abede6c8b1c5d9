"""Listeners of what happens: the log now, metrics and traces beside it."""

"""Imports of files: read apart from the process, mapped, tried or carried out, kept as jobs."""

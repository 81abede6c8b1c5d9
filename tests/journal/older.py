"""Journals as earlier versions have left them."""

import sqlite3
from pathlib import Path

ADDED = {  # by version
    2: ("audit", "audit_detail", "audit_contact", "audit_open"),
    3: ("state",),
    4: ("statement", "statement_version"),
}


def make_older(path: Path, version: int) -> None:
    """Take from a journal what a version did not have yet."""
    db = sqlite3.connect(path)
    for since, tables in ADDED.items():
        for table in tables if since > version else ():
            db.execute(f"DROP TABLE {table}")
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()

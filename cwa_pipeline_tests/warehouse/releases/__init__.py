"""Warehouses as earlier releases left them, after their own `cwa-pipeline demo`: at most three rows a table, as SQL.

Each was made by the code of the commit that it is named after. A new release adds its own; none is ever edited.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

RELEASES = [
    "190028e",
    "2388406",
    "e464c68",
    "299633b",
]  # the first one, the guarded write-back, the page, the last without versions


def load_release(release: str, url: URL) -> None:
    """Fill an empty database with a release's warehouse. No connection of ours is open meanwhile."""
    script = Path(__file__).with_name(f"{release}.{url.drivername}.sql").read_text(encoding="utf-8")
    if url.drivername == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            connection.execute(script.encode())

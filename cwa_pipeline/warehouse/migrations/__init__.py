"""The migrations of the warehouse: one step per version, starting with the first release's tables.

Alembic only writes the SQL; `warehouse.versions` executes it. A change of `tables.py` needs a new step. A released step never
changes, so it spells out its columns instead of importing them.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = "0005"
VERSION_TABLE = (
    "cwa_pipeline_version"  # not alembic's own name: Dagster's storage may be in the same database, and has that
)

"""How the warehouse's tables came to be what `tables.py` says: one step a version, the first release's tables the first of them.

What belongs here: alembic's environment (`env.py`), what the steps share (`steps.py`) and the steps (`versions/`). What must not: a
connection. alembic only says the SQL; `warehouse.versions` executes it.

A change of `tables.py` needs a step here. A step is frozen: it spells out its columns, and is never changed once it was released.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = "0005"
VERSION_TABLE = (
    "cwa_pipeline_version"  # not alembic's own name: Dagster's storage may be in the same database, and has that
)

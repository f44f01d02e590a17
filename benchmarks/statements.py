"""How long PCRT's server is at each statement of a sync: no longer than that can one keep a table locked.

What belongs here: MariaDB's own log of them. What must not: running the sync.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_EVERY_ONE = ("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL long_query_time = 0", "TRUNCATE mysql.slow_log")
_SECONDS = "SELECT TIME_TO_SEC(query_time) + MICROSECOND(query_time) / 1e6 FROM mysql.slow_log"


@contextmanager
def seconds_of_each(pcrt: sa.URL) -> Iterator[list[float]]:
    """A list that has the seconds of each statement of other connections once the `with` is left; stays empty for SQLite."""
    seconds: list[float] = []
    if pcrt.get_backend_name() == "sqlite":
        yield seconds
        return
    engine = sa.create_engine(pcrt, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (*_EVERY_ONE, "SET GLOBAL slow_query_log = ON", "SET slow_query_log = OFF"):
            connection.exec_driver_sql(statement)
        try:
            yield seconds
        finally:
            connection.exec_driver_sql("SET GLOBAL slow_query_log = OFF")
        seconds += map(float, connection.exec_driver_sql(_SECONDS).scalars())
        assert seconds, "MariaDB's log has none of the statements of this sync"  # noqa: S101 - else nothing would be judged
    engine.dispose()

"""What the warehouse's tests share: an empty database of each kind, and SQL past our code."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL


def new_database(kind: str, request: pytest.FixtureRequest) -> URL:
    if kind == "postgresql":
        return request.getfixturevalue("postgresql_server").new_database()
    folder = request.getfixturevalue("tmp_path_factory").mktemp("warehouse")
    return URL.create("sqlite", database=str(folder / "warehouse.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> URL:
    return new_database(request.param, request)


def run_sql(url: URL, *statements: str) -> list[tuple[object, ...]]:
    """Do as an analyst does, past our code; the rows of the last statement. No connection of ours is open meanwhile."""
    engine = sa.create_engine(url.set(drivername="sqlite" if url.drivername == "sqlite" else "postgresql+psycopg"))
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        rows = [tuple(row) for row in results[-1]] if results[-1].returns_rows else []
    engine.dispose()
    return rows

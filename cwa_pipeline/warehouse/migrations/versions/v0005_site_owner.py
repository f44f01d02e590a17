"""Whose tables these are, where many sites share a database server."""

from cwa_pipeline.warehouse.migrations.steps import TEXT, TIME, column, create_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_table(
        "site_owner",
        column("site", TEXT),
        column("cwa_url", TEXT),
        column("pcrt_database", TEXT),
        column("since", TIME),
        key=("site",),
    )

"""What names a table's rows, so that the same ones are not written anew."""

from cwa_pipeline.warehouse.migrations.steps import TEXT, add_columns, optional

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_columns("table_loads", optional("content_hash", TEXT))

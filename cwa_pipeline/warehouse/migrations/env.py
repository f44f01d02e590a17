"""Alembic's environment. There is no connection: `warehouse.versions` collects the SQL, statement by statement."""

from alembic import context

from cwa_pipeline.warehouse.migrations import VERSION_TABLE

context.configure(
    dialect_name=context.config.attributes["dialect"],
    # "named", because a style with percent signs would double those in texts
    dialect_opts={"paramstyle": "named"},
    output_buffer=context.config.attributes["statements"],
    version_table=VERSION_TABLE,
    literal_binds=True,
)
context.run_migrations()

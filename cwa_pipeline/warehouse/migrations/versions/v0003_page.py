"""What the integration page shows: makes, plans, suggested matches, snoozes and failures."""

from cwa_pipeline.warehouse.migrations.steps import FLAG, ID, TEXT, TIME, add_columns, column, create_table, optional

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_columns("cwa_computers", optional("make", TEXT))
    create_table(
        "match_suggestions",
        column("computer_id", ID),
        column("rank", ID),
        column("pcid", ID),
        column("score", ID),
        column("confidence", TEXT),
        column("same_group", FLAG),
        column("evidence", TEXT),
        key=("computer_id", "rank"),
    )
    add_columns("group_issues", optional("computer_plans", TEXT), optional("subscription_plans", TEXT))
    create_table(
        "issue_snoozes",
        column("issue_key", TEXT),
        column("snoozed_at", TIME),
        column("snoozed_until", TIME),
        optional("note", TEXT),
        key=("issue_key", "snoozed_at"),
    )
    create_table(
        "sync_failures", column("run_id", TEXT), column("failed_at", TIME), column("problem", TEXT), key=("run_id",)
    )

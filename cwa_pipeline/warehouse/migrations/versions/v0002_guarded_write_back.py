"""Guards, plans, undo and hand edits.

What the rows of before cannot say is 0 and false in them: the next sync fills `additional_members` anew, and the ledger was not
looked through for hand edits then.
"""

from cwa_pipeline.warehouse.migrations.steps import FLAG, ID, TEXT, TIME, add_columns, column, create_table, optional

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_table(
        "members_plan",
        column("subscription_id", ID),
        column("group_id", ID),
        column("plan", TEXT),
        optional("before", TEXT),
        optional("after", TEXT),
        column("listed", ID),
        column("added", ID),
        column("removed", ID),
        optional("added_pcids", TEXT),
        optional("removed_pcids", TEXT),
        column("hand_edited", FLAG),
        optional("hand_added_pcids", TEXT),
        optional("hand_removed_pcids", TEXT),
        column("status", TEXT),
        optional("guard", TEXT),
        optional("reason", TEXT),
        key=("subscription_id",),
    )
    add_columns(
        "additional_members",
        column("listed", ID, default="0"),
        column("hand_edited", FLAG, default="FALSE"),
        optional("hand_added_pcids", TEXT),
        optional("hand_removed_pcids", TEXT),
        optional("guard", TEXT),
    )
    add_columns(
        "additional_members_ledger",
        optional("undo_of", TEXT),
        column("hand_edited", FLAG, default="FALSE"),
        optional("hand_added_pcids", TEXT),
        optional("hand_removed_pcids", TEXT),
    )
    create_table(
        "coverage_history",
        column("subscription_id", ID),
        column("pcid", ID),
        column("covered_from", TIME),
        optional("covered_to", TIME),
        key=("subscription_id", "pcid", "covered_from"),
    )
    create_table(
        "group_holds",
        column("group_id", ID),
        column("held_since", TIME),
        column("undone_run_id", TEXT),
        optional("released_at", TIME),
        key=("group_id", "held_since"),
    )
    create_table(
        "read_receipts",
        column("run_id", TEXT),
        column("table_name", TEXT),
        column("counted_at", TIME),
        column("rows_read", ID),
        column("rows_counted", ID),
        column("counted_by", TEXT),
        key=("run_id", "table_name"),
    )
    create_table(
        "sync_runs", column("run_id", TEXT), column("finished_at", TIME), column("wrote", FLAG), key=("run_id",)
    )

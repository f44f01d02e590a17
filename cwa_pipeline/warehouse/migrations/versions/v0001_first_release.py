"""The tables of the first release.

Only a backup of that version, and a warehouse from before there were versions, begin here.
"""

from cwa_pipeline.warehouse.migrations.steps import FLAG, ID, TEXT, TIME, column, create_table, optional

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table(
        "cwa_clients",
        column("client_id", ID),
        optional("name", TEXT),
        optional("external_id", TEXT),
        key=("client_id",),
    )
    create_table(
        "cwa_computers",
        column("computer_id", ID),
        optional("name", TEXT),
        optional("client_id", ID),
        optional("serial_number", TEXT),
        column("serial_number_normalised", TEXT),
        optional("asset_tag", TEXT),
        optional("last_contact", TIME),
        optional("last_user", TEXT),
        key=("computer_id",),
    )
    create_table(
        "cwa_groups", column("cwa_group_id", ID), optional("name", TEXT), optional("plan", TEXT), key=("cwa_group_id",)
    )
    create_table(
        "cwa_group_members", column("computer_id", ID), column("cwa_group_id", ID), key=("computer_id", "cwa_group_id")
    )
    create_table("pcrt_groups", column("group_id", ID), optional("name", TEXT), key=("group_id",))
    create_table(
        "pcrt_pcids",
        column("pcid", ID),
        optional("name", TEXT),
        optional("make", TEXT),
        optional("group_id", ID),
        optional("serial_number", TEXT),
        column("serial_number_normalised", TEXT),
        optional("serial_problem", TEXT),
        key=("pcid",),
    )
    create_table(
        "pcrt_subscriptions",
        column("subscription_id", ID),
        optional("name", TEXT),
        optional("group_id", ID),
        optional("pcid", ID),
        optional("effective_group_id", ID),
        optional("cwa_group", TEXT),
        optional("plan", TEXT),
        column("is_bizcare", FLAG),
        column("active", FLAG),
        optional("additional_members", TEXT),
        key=("subscription_id",),
    )
    create_table("serial_blacklist", column("serial_number", TEXT), column("normalised", TEXT), key=("normalised",))
    create_table(
        "client_groups", column("client_id", ID), optional("group_id", ID), optional("reason", TEXT), key=("client_id",)
    )
    create_table(
        "computer_matches",
        column("computer_id", ID),
        optional("client_id", ID),
        optional("expected_group_id", ID),
        optional("pcid", ID),
        optional("matched_by", TEXT),
        optional("reason", TEXT),
        optional("pcid_group_id", ID),
        key=("computer_id",),
    )
    create_table(
        "client_issues",
        column("issue_key", TEXT),
        column("issue", TEXT),
        optional("reason", TEXT),
        column("severity", TEXT),
        column("client_id", ID),
        optional("client_name", TEXT),
        optional("external_id", TEXT),
        key=("issue_key",),
    )
    create_table(
        "computer_issues",
        column("issue_key", TEXT),
        column("issue", TEXT),
        optional("reason", TEXT),
        column("severity", TEXT),
        column("computer_id", ID),
        optional("computer_name", TEXT),
        optional("client_id", ID),
        optional("client_name", TEXT),
        optional("serial_number", TEXT),
        optional("asset_tag", TEXT),
        optional("pcid", ID),
        optional("pcid_group_id", ID),
        optional("expected_group_id", ID),
        key=("issue_key",),
    )
    create_table(
        "group_issues",
        column("issue_key", TEXT),
        column("issue", TEXT),
        optional("reason", TEXT),
        column("severity", TEXT),
        optional("group_id", ID),
        optional("group_name", TEXT),
        optional("subscription_id", ID),
        optional("subscription_name", TEXT),
        optional("cwa_group", TEXT),
        key=("issue_key",),
    )
    create_table(
        "issue_history",
        column("issue_key", TEXT),
        column("area", TEXT),
        column("issue", TEXT),
        optional("reason", TEXT),
        column("first_seen", TIME),
        column("last_seen", TIME),
        optional("resolved_at", TIME),
        key=("issue_key", "first_seen"),
    )
    create_table(
        "open_issues",
        column("issue_key", TEXT),
        column("area", TEXT),
        column("issue", TEXT),
        optional("reason", TEXT),
        column("severity", TEXT),
        optional("customer", TEXT),
        optional("subject", TEXT),
        column("first_seen", TIME),
        key=("issue_key",),
    )
    create_table(
        "subscription_members",
        column("subscription_id", ID),
        column("group_id", ID),
        column("plan", TEXT),
        column("pcid", ID),
        key=("subscription_id", "pcid"),
    )
    create_table(
        "additional_members",
        column("subscription_id", ID),
        column("group_id", ID),
        column("plan", TEXT),
        optional("before", TEXT),
        optional("after", TEXT),
        column("added", ID),
        column("removed", ID),
        optional("added_pcids", TEXT),
        optional("removed_pcids", TEXT),
        column("status", TEXT),
        optional("reason", TEXT),
        key=("subscription_id",),
    )
    create_table(
        "additional_members_ledger",
        column("run_id", TEXT),
        column("written_at", TIME),
        column("subscription_id", ID),
        optional("group_id", ID),
        optional("before", TEXT),
        optional("after", TEXT),
        column("status", TEXT),
    )
    create_table(
        "table_loads",
        column("table_name", TEXT),
        column("run_id", TEXT),
        column("loaded_at", TIME),
        column("row_count", ID),
        key=("table_name",),
    )

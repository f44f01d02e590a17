"""The tables are what the contract promises, and each says what it holds and what identifies a row."""

import pytest

from cwa_pipeline.tables import TABLES

# The promise to analysts and other programs, as contract.md has it. Columns may be added; none of these may go.
PROMISED = {
    "cwa_clients": "client_id name external_id",
    "cwa_computers": "computer_id name client_id serial_number asset_tag last_contact last_user",
    "cwa_groups": "cwa_group_id name plan",
    "cwa_group_members": "computer_id cwa_group_id",
    "pcrt_groups": "group_id name",
    "pcrt_pcids": "pcid name make group_id serial_number",
    "pcrt_subscriptions": "subscription_id name group_id pcid cwa_group plan is_bizcare active additional_members",
    "serial_blacklist": "serial_number normalised",
    "client_groups": "client_id group_id reason",
    "computer_matches": "computer_id client_id expected_group_id pcid matched_by reason pcid_group_id",
    "client_issues": "issue_key issue reason severity client_id client_name external_id",
    "computer_issues": "issue_key issue reason severity computer_id computer_name client_id client_name serial_number "
    "asset_tag pcid pcid_group_id expected_group_id",
    "group_issues": "issue_key issue reason severity group_id group_name subscription_id subscription_name cwa_group",
    "issue_history": "issue_key area issue reason first_seen last_seen resolved_at",
    "open_issues": "issue_key area issue reason severity customer subject first_seen",
    "subscription_members": "subscription_id group_id plan pcid",
    "additional_members": "subscription_id group_id before after added removed status",
    "additional_members_ledger": "run_id written_at subscription_id before after status",
}
KEYS = {
    "cwa_clients": ["client_id"],
    "cwa_computers": ["computer_id"],
    "cwa_groups": ["cwa_group_id"],
    "cwa_group_members": ["computer_id", "cwa_group_id"],
    "pcrt_groups": ["group_id"],
    "pcrt_pcids": ["pcid"],
    "pcrt_subscriptions": ["subscription_id"],
    "serial_blacklist": ["normalised"],
    "client_groups": ["client_id"],
    "computer_matches": ["computer_id"],
    "client_issues": ["issue_key"],
    "computer_issues": ["issue_key"],
    "group_issues": ["issue_key"],
    "issue_history": ["issue_key", "first_seen"],
    "open_issues": ["issue_key"],
    "subscription_members": ["subscription_id", "pcid"],
    "additional_members": ["subscription_id"],
    "additional_members_ledger": [],  # one list can be planned, and written, many times
    "table_loads": ["table_name"],
    "match_suggestions": ["computer_id", "rank"],
    "issue_snoozes": ["issue_key", "snoozed_at"],
    "sync_failures": ["run_id"],
}
TEXTS = {
    "name",
    "external_id",
    "serial_number",
    "asset_tag",
    "additional_members",
    "before",
    "after",
    "reason",
    "cwa_group",
}
TIMES = {"first_seen", "last_seen", "resolved_at", "written_at", "last_contact"}


def test_every_promised_table_and_column_is_there() -> None:
    for table, columns in PROMISED.items():
        assert set(columns.split()) <= set(TABLES[table].to_schema().columns), table


@pytest.mark.parametrize("table", TABLES)
def test_the_table_and_each_of_its_columns_say_what_they_hold(table: str) -> None:
    assert TABLES[table].__doc__
    assert TABLES[table].__doc__ != TABLES[table].__base__.__doc__
    assert [name for name, column in TABLES[table].to_schema().columns.items() if not column.description] == []


@pytest.mark.parametrize("table", TABLES)
def test_the_key_is_stated_and_never_null(table: str) -> None:
    schema = TABLES[table].to_schema()
    single = [name for name, column in schema.columns.items() if column.unique]
    key = list(schema.unique or single)
    assert key == KEYS[table] if table in KEYS else key
    assert [name for name in key if schema.columns[name].nullable] == []


@pytest.mark.parametrize("table", TABLES)
def test_ids_are_integers_texts_are_text_and_times_are_utc(table: str) -> None:
    for name, dtype in TABLES[table].empty().dtypes.items():
        if str(name) == "pcid" or (str(name).endswith("_id") and not str(name).endswith(("external_id", "run_id"))):
            assert str(dtype) in {"int64", "Int64"}, name
        if name in TEXTS:
            assert str(dtype) == "str", name
        if name in TIMES:
            assert str(dtype) == "datetime64[us, UTC]", name

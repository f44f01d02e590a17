"""What PCRT's database account may do, as a real MariaDB reports it for real accounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.pcrt.privileges import excess_privileges, needed_grant, remedy
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.pcrt.writer import Change
from cwa_pipeline_tests.pcrt.test_pcrt import SCHEMA, run
from cwa_pipeline_tests.servers.mariadb import MariadbServer

DEFAULTS = PcrtSettings()
DATA = (
    "INSERT INTO pc_group VALUES (100, 'Acme')",
    "INSERT INTO pc_owner VALUES (1001, 'Front desk', 'HP', 100, '')",
    "INSERT INTO subscriptions VALUES (1, 'BizCare Basic', 100, 0, '850', '_1001_', 1)",
)
README = (
    "GRANT SELECT ON {db}.pc_group TO {who}",
    "GRANT SELECT ON {db}.pc_owner TO {who}",
    "GRANT SELECT ON {db}.subscriptions TO {who}",
    "GRANT UPDATE (additionalmembers) ON {db}.subscriptions TO {who}",
)
PASSWORD = "a long password 77"


@pytest.fixture
def root(mariadb_server: MariadbServer) -> URL:
    """A PCRT database, as an account that may do everything."""
    url = mariadb_server.new_database()
    run(url, *SCHEMA, *DATA)
    return url


@pytest.fixture(params=["127.0.0.1", "%"])
def account(request: pytest.FixtureRequest, root: URL) -> Iterator[tuple[URL, str]]:
    """An account with the README's four grants, for a host and for any: its URL, and how SQL names it."""
    who = f"cwa_pipeline@'{request.param}'"
    run(root, f"CREATE USER {who} IDENTIFIED BY '{PASSWORD}'")
    run(root, *(grant.format(db=root.database, who=who) for grant in README))
    yield root.set(username="cwa_pipeline", password=PASSWORD), who
    run(root, f"DROP USER {who}")


def test_the_readmes_four_grants_are_enough_for_a_sync_and_nothing_more(root: URL, account: tuple[URL, str]) -> None:
    url, _ = account
    assert excess_privileges(url, DEFAULTS) == []
    with Pcrt(url, DEFAULTS) as pcrt:
        assert pcrt.check() == []
        assert [len(reading.frame) for reading in pcrt.read()] == [1, 1, 1]
        with pcrt.writer() as writer:
            assert [*writer.swap_all([Change(1, "_1001_", "_1001_1002_")])] == [(1, "written")]
    for statement in (
        "UPDATE subscriptions SET subname = 'x'",
        "UPDATE subscriptions SET additionalmembers = '_', subactive = 0",
        "UPDATE pc_owner SET pcgroupid = 100",
        "INSERT INTO subscriptions (subid) VALUES (9)",
        "DELETE FROM subscriptions",
        "DELETE FROM pc_group",
        "TRUNCATE subscriptions",
        "DROP TABLE subscriptions",
        "ALTER TABLE subscriptions ADD more INT",
        "CREATE TABLE more (id INT)",
    ):
        with pytest.raises(sa.exc.OperationalError, match="denied"):
            run(url, statement)


def test_an_account_with_all_privileges_is_reported(root: URL) -> None:
    assert excess_privileges(root, DEFAULTS) == ["ALL PRIVILEGES on *.*", "GRANT OPTION on *.*"]


BEYOND = [
    ("UPDATE ON {db}.subscriptions", ["UPDATE on all of {db}.subscriptions"]),
    ("UPDATE (subname, pcid) ON {db}.subscriptions", ["UPDATE on {db}.subscriptions.{}"]),
    ("UPDATE (pcname) ON {db}.pc_owner", ["UPDATE on {db}.pc_owner.pcname"]),
    ("INSERT (additionalmembers) ON {db}.subscriptions", ["INSERT on {db}.subscriptions.additionalmembers"]),
    ("DELETE ON {db}.pc_owner", ["DELETE on {db}.pc_owner"]),
    ("DELETE, DROP ON {db}.pc_group", ["DELETE on {db}.pc_group", "DROP on {db}.pc_group"]),
    ("UPDATE ON {db}.*", ["UPDATE on {db}.*"]),
    ("ALL ON {db}.*", ["ALL PRIVILEGES on {db}.*"]),
    ("INSERT ON `pcrt\\_%`.*", ["INSERT on `pcrt\\_%`.*"]),
    ("UPDATE ON *.*", ["UPDATE on *.*"]),
    ("FILE, PROCESS ON *.*", ["FILE on *.*"]),
    ("SELECT ON {db}.pc_group TO {who} WITH GRANT OPTION", ["GRANT OPTION on {db}.pc_group"]),
    ("USAGE ON {db}.* TO {who} WITH GRANT OPTION", ["GRANT OPTION on {db}.*"]),
    ("EXECUTE ON PROCEDURE {db}.tidy_up", ["EXECUTE on PROCEDURE {db}.tidy_up"]),
    (
        "UPDATE (additionalmembers) ON `odd ``db' ON x`.`a b, TO c`",
        ["UPDATE on `odd ``db' ON x`.`a b, TO c`.additionalmembers"],
    ),
    ("UPDATE (`d (e), f`) ON `odd ``db' ON x`.`a b, TO c`", ["UPDATE on `odd ``db' ON x`.`a b, TO c`.`d (e), f`"]),
    ("SELECT ON *.*", []),
    ("SELECT (subname), SHOW VIEW ON {db}.subscriptions", []),
    ("PROCESS, SHOW DATABASES ON *.*", []),
]


@pytest.mark.parametrize("account", ["%"], indirect=True)
def test_each_excess_privilege_is_named_with_its_place(root: URL, account: tuple[URL, str]) -> None:
    url, who = account
    run(root, f"CREATE PROCEDURE {root.database}.tidy_up() BEGIN END", "CREATE DATABASE `odd ``db' ON x`")
    run(root, "CREATE TABLE `odd ``db' ON x`.`a b, TO c` (additionalmembers TEXT, `d (e), f` TEXT)")
    try:
        for grant, said in BEYOND:
            names = {"db": root.database, "who": who}
            privilege, _, option = grant.format(**names).partition(f" TO {who}")
            run(root, f"GRANT {privilege} TO {who}{option}")
            expected = {
                line.format(column, **names)
                for line in said
                for column in (("subname", "pcid") if "{}" in line else ("",))
            }
            found = excess_privileges(url, DEFAULTS)
            run(root, f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {who}")
            run(root, *(line.format(**names) for line in README))
            assert (grant, set(found or [])) == (grant, expected)
            assert excess_privileges(url, DEFAULTS) == []
    finally:
        run(root, "DROP DATABASE `odd ``db' ON x`")


@pytest.mark.parametrize("account", ["%"], indirect=True)
@pytest.mark.parametrize("switched_on", [True, False])
def test_a_roles_privileges_count_whether_it_is_on_or_off(
    root: URL, account: tuple[URL, str], switched_on: bool
) -> None:
    url, who = account
    run(root, "CREATE ROLE `the boss`", "CREATE ROLE inner_role", "GRANT inner_role TO `the boss`")
    try:
        run(root, f"GRANT DELETE ON {root.database}.pc_owner TO inner_role", f"GRANT `the boss` TO {who}")
        if switched_on:
            run(root, f"SET DEFAULT ROLE `the boss` FOR {who}")
        said = f"DELETE on {root.database}.pc_owner through the role inner_role"
        assert excess_privileges(url, DEFAULTS) == [said]
        run(root, f"GRANT `the boss` TO {who} WITH ADMIN OPTION")
        assert excess_privileges(url, DEFAULTS) == ["ADMIN OPTION on the role `the boss`", said]
    finally:
        run(root, "DROP ROLE `the boss`, inner_role")


@pytest.mark.parametrize("account", ["%"], indirect=True)
def test_the_servers_modes_make_no_difference(root: URL, account: tuple[URL, str]) -> None:
    url, who = account
    run(root, f"GRANT DELETE ON {root.database}.pc_owner TO {who}")
    run(root, "SET GLOBAL sql_mode = 'ANSI_QUOTES'", "SET GLOBAL sql_quote_show_create = 0")
    try:
        assert excess_privileges(url, DEFAULTS) == [f"DELETE on {root.database}.pc_owner"]
    finally:
        run(root, "SET GLOBAL sql_mode = DEFAULT", "SET GLOBAL sql_quote_show_create = DEFAULT")


@pytest.mark.parametrize("account", ["%"], indirect=True)
@pytest.mark.parametrize("schema", ["", "odd `db 100%"])
def test_names_that_need_quotes_can_be_granted_judged_and_written(
    root: URL, account: tuple[URL, str], schema: str
) -> None:
    url, who = account
    stock_table = f"{root.database}.subscriptions"
    target = AdditionalMembersSettings(table="Abos für select", key="order", column="100% Mitglieder – from")
    settings = PcrtSettings(additional_members=target)
    if schema:
        run(root, "CREATE DATABASE `odd ``db 100%`")
        root, url = root.set(database=schema), url.set(database=schema)
    try:
        run(
            root, "CREATE TABLE `Abos für select` (`order` INT PRIMARY KEY, `100% Mitglieder – from` TEXT, `from` TEXT)"
        )
        run(root, "INSERT INTO `Abos für select` VALUES (1, '_1_', 'x')", f"{needed_grant(url, settings)} TO {who}")
        run(
            root,
            f"GRANT SELECT ON `Abos für select` TO {who}",
            f"REVOKE UPDATE (additionalmembers) ON {stock_table} FROM {who}",
        )
        assert excess_privileges(url, settings) == []
        with Pcrt(url, settings).writer() as writer:
            assert [*writer.swap_all([Change(1, "_1_", "_1_2_")])] == [(1, "written")]
        run(root, f"GRANT UPDATE (`from`) ON `Abos für select` TO {who}")
        (line,) = excess_privileges(url, settings) or []
        assert line.endswith(".`Abos für select`.`from`")
    finally:
        if schema:
            run(root, "DROP DATABASE `odd ``db 100%`")


def test_a_table_named_with_its_database_is_judged_there(root: URL, account: tuple[URL, str]) -> None:
    target = AdditionalMembersSettings(table=f"{root.database}.subscriptions", column="AdditionalMembers")
    assert excess_privileges(account[0].set(database=None), PcrtSettings(additional_members=target)) == []
    elsewhere = PcrtSettings(additional_members=AdditionalMembersSettings(table="elsewhere.subscriptions"))
    assert excess_privileges(account[0], elsewhere) == [f"UPDATE on {root.database}.subscriptions.additionalmembers"]


def test_sqlite_has_no_accounts(tmp_path: Path) -> None:
    assert excess_privileges(URL.create("sqlite", database=str(tmp_path / "none.db")), DEFAULTS) is None


def test_the_remedy_is_one_line_with_the_grant_to_give() -> None:
    url = URL.create("mysql+pymysql", "root", PASSWORD, "127.0.0.1", 3306, "pcrt")
    assert needed_grant(url, DEFAULTS) == "GRANT UPDATE (`additionalmembers`) ON `pcrt`.`subscriptions`"
    assert needed_grant(url, DEFAULTS) in remedy(url, DEFAULTS)
    assert "\n" not in remedy(url, DEFAULTS)
    assert PASSWORD not in remedy(url, DEFAULTS)

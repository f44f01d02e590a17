"""Many lists in one statement: the same outcomes, lists and messages as one after the other, and nobody kept waiting."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.errors import PipelineError, SourceError, UnreachableError
from cwa_pipeline.pcrt import batches as pcrt_batches
from cwa_pipeline.pcrt.batches import Batches, Change
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.pcrt.target import rows_of
from cwa_pipeline_tests.servers.mariadb import MariadbServer

DEFAULTS = PcrtSettings()
MANY = 3 * pcrt_batches.FEW
TABLE = (
    "CREATE TABLE subscriptions (subid INT PRIMARY KEY, subname TEXT, pcgroupid INT, pcid INT, cwagroup TEXT, "
    "additionalmembers TEXT, subactive INT)"
)
BEFORE = (None, "", "_", "_1001_", "Grün ab", "_1001_1002_ ", "100% 'it's' \\ %s %(key_0)s :x", "x" * 3_000)
ELSE = (None, "", "_1001", "grün ab", "_1001_1002_", "_7_")


def run(url: URL, *statements: str) -> None:
    """Run statements on a database, as its technicians do."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def lists_of(url: URL) -> dict[int, str | None]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {
            row[0]: row[1] for row in connection.exec_driver_sql("SELECT subid, additionalmembers FROM subscriptions")
        }


def fill(url: URL, lists: dict[int, str | None]) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    insert = sa.text("INSERT INTO subscriptions VALUES (:key, 'BizCare', 100, :key, '850', :list, 1)")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM subscriptions")
        connection.execute(insert, [{"key": key, "list": text} for key, text in lists.items()])


def ordinary(url: URL) -> list[Change]:
    """Fill the table with lists that are all what they were decided on; the changes to be written."""
    changes = [Change(key, BEFORE[key % len(BEFORE)], f"_{key}_") for key in range(1, MANY + 1)]
    fill(url, {change.subscription_id: change.before for change in changes})
    return changes


def swap_all(
    url: URL, changes: Sequence[Change], *, again: bool = False, settings: PcrtSettings = DEFAULTS
) -> tuple[dict[int, str], PipelineError | None, int]:
    """What came of each list, in what failure it ended, and how many UPDATEs it took."""
    outcomes: dict[int, str] = {}
    failure = None
    with Pcrt(url, settings).writer() as writer:
        try:
            for key, outcome in writer.swap_all(changes, again=again):
                outcomes[key] = outcome
        except PipelineError as error:
            failure = error
            return outcomes, failure, 0
        status = writer._connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Com_update'").one()
    return outcomes, failure, int(status[1])


@pytest.fixture(params=["InnoDB-latin1", "InnoDB-utf8mb4", "MyISAM-latin1", "MyISAM-utf8mb4"])
def pcrt_url(request: pytest.FixtureRequest, mariadb_server: MariadbServer) -> URL:
    engine, charset = request.param.split("-")
    url = mariadb_server.new_database(charset)
    run(url, f"{TABLE} ENGINE={engine} DEFAULT CHARSET={charset}")
    return url


ONE_OF_EACH = pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4", "MyISAM-latin1"], indirect=True)


def both_ways(
    url: URL, lists: dict[int, str | None], changes: Sequence[Change], monkeypatch: pytest.MonkeyPatch, **how: Any
) -> Any:
    """Outcomes, failure and lists in batches, and the same one by one."""
    results = []
    for few in (pcrt_batches.FEW, len(changes)):
        fill(url, lists)
        with monkeypatch.context() as patched:
            patched.setattr(pcrt_batches, "FEW", few)
            outcomes, failure, _ = swap_all(url, changes, **how)
        results.append((outcomes, failure and (type(failure), str(failure)), lists_of(url)))
    return results


@pytest.mark.parametrize("again", [False, True])
def test_lists_in_batches_come_to_what_they_come_to_one_by_one(
    pcrt_url: URL, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(f"{again}")
    changes = [Change(key, rng.choice(BEFORE), rng.choice([f"_{key}_", "Grün", ""])) for key in range(1, MANY + 1)]
    lists: dict[int, str | None] = {key: before for key, before, _ in changes}
    for change in rng.sample(changes, MANY // 10):
        lists[change.subscription_id] = rng.choice([*ELSE, change.after])
    for change in rng.sample(changes, 5):
        del lists[change.subscription_id]
    fast, plain = both_ways(pcrt_url, lists, changes, monkeypatch, again=again)
    assert fast == plain
    assert {*fast[0].values()} == {"written", "conflict"}
    assert fast[0].keys() == {change.subscription_id for change in changes}


@ONE_OF_EACH
def test_many_lists_take_few_statements_and_change_nothing_else(pcrt_url: URL) -> None:
    changes = ordinary(pcrt_url)
    outcomes, failure, updates = swap_all(pcrt_url, changes)
    assert failure is None
    assert outcomes == {change.subscription_id: "written" for change in changes}
    assert lists_of(pcrt_url) == {change.subscription_id: change.after for change in changes}
    assert (
        updates <= 1 + 1 + 1 + MANY // pcrt_batches.FIRST_SIZE
    )  # the account's right to, the first list, and the batches


@ONE_OF_EACH
def test_one_conflict_does_not_send_the_others_of_its_batch_through_one_by_one_where_nothing_is_taken_back(
    pcrt_url: URL,
) -> None:
    changes = ordinary(pcrt_url)
    run(pcrt_url, "UPDATE subscriptions SET additionalmembers = 'ask Ann' WHERE subid = 60")
    outcomes, _, updates = swap_all(pcrt_url, changes)
    assert [key for key, outcome in outcomes.items() if outcome == "conflict"] == [60]
    assert updates < MANY / 2


@ONE_OF_EACH
@pytest.mark.parametrize(("again", "outcome"), [(False, "conflict"), (True, "written")])
def test_a_list_that_somebody_made_what_it_was_to_become_is_a_conflict_unless_it_may_have_been_us(
    pcrt_url: URL, again: bool, outcome: str
) -> None:
    changes = ordinary(pcrt_url)
    run(pcrt_url, "UPDATE subscriptions SET additionalmembers = '_60_' WHERE subid = 60")
    outcomes, _, _ = swap_all(pcrt_url, changes, again=again)
    assert outcomes == dict.fromkeys(range(1, MANY + 1), "written") | {60: outcome}


@ONE_OF_EACH
def test_a_list_that_the_column_cannot_hold_is_named_as_ever(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    run(pcrt_url, "ALTER TABLE subscriptions MODIFY additionalmembers VARCHAR(10)")
    changes = [Change(key, "", "_1001_1002_1003_" if key == 120 else "_1_") for key in range(1, MANY + 1)]
    fast, plain = both_ways(pcrt_url, dict.fromkeys(range(1, MANY + 1), ""), changes, monkeypatch)
    assert fast[1] == plain[1]
    assert "additionalmembers of subid 120 cannot be used: Data too long" in fast[1][1]
    if fast[2][1] == "":  # a transaction: nothing was changed
        assert fast == plain
        assert set(fast[2].values()) == {""}
    else:
        assert {key for key, text in fast[2].items() if text} == set(range(1, 120)) == set(fast[0])


@ONE_OF_EACH
def test_a_list_that_reads_back_otherwise_is_named_as_ever(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    run(
        pcrt_url,
        "CREATE TRIGGER meddling BEFORE UPDATE ON subscriptions FOR EACH ROW "
        "SET NEW.additionalmembers = IF(NEW.subid = 120, 'x', NEW.additionalmembers)",
    )
    changes = [Change(key, "", "_1_") for key in range(1, MANY + 1)]
    fast, plain = both_ways(pcrt_url, dict.fromkeys(range(1, MANY + 1), ""), changes, monkeypatch)
    assert fast[1] == plain[1]
    assert "of subid 120 was set to '_1_' and holds ['x']" in fast[1][1]
    if fast[2][1] == "":
        assert set(fast[2].values()) == {""}


@pytest.mark.parametrize("pcrt_url", ["MyISAM-latin1"], indirect=True)
def test_what_is_wrong_with_every_list_shows_in_the_first_one(pcrt_url: URL) -> None:
    changes = ordinary(pcrt_url)
    run(pcrt_url, "CREATE TRIGGER meddling BEFORE UPDATE ON subscriptions FOR EACH ROW SET NEW.additionalmembers = 'x'")
    _, failure, _ = swap_all(pcrt_url, changes)
    assert "of subid 1 was set to" in str(failure)
    assert sum(text == "x" for text in lists_of(pcrt_url).values()) == 1


@ONE_OF_EACH
def test_a_key_that_comes_to_name_several_rows_is_refused(pcrt_url: URL) -> None:
    settings = PcrtSettings(additional_members=AdditionalMembersSettings(key="pcid"))
    changes = ordinary(pcrt_url)
    with Pcrt(pcrt_url, settings).writer() as writer:
        run(pcrt_url, "UPDATE subscriptions SET pcid = 9, additionalmembers = '_1_' WHERE subid IN (9, 10)")
        changes[8] = Change(9, "_1_", "_9_")
        del changes[9]
        with pytest.raises(SourceError, match=r"additionalmembers of pcid 9 changed 2 rows; make pcid a unique key"):
            [*writer.swap_all(changes)]


def edits_before_the_write(url: URL, monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Let a technician do something just before the first batch is written, after it was looked at."""
    swap, done = Batches.swap, []

    def edited(self: Batches, batch: Sequence[Change]) -> pcrt_batches.Held:
        if not done:
            done.append(batch)
            run(url, *statements)
        return swap(self, batch)

    monkeypatch.setattr(Batches, "swap", edited)


@ONE_OF_EACH
def test_an_edit_in_the_very_moment_of_the_write_stands(pcrt_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = ordinary(pcrt_url)
    edits = ("additionalmembers = 'ask Ann' WHERE subid = 7", "additionalmembers = '_8_' WHERE subid = 8")
    deletion = "DELETE FROM subscriptions WHERE subid = 9"
    edits_before_the_write(pcrt_url, monkeypatch, *(f"UPDATE subscriptions SET {edit}" for edit in edits), deletion)
    outcomes, failure, _ = swap_all(pcrt_url, changes)
    assert failure is None
    conflicts = {key for key, outcome in outcomes.items() if outcome == "conflict"}
    assert conflicts - {8} == {7, 9}  # 8 is what it was to become, whoever wrote it
    wanted: dict[int, str | None] = {change.subscription_id: change.after for change in changes}
    del wanted[9]
    assert lists_of(pcrt_url) == wanted | {7: "ask Ann"}


@ONE_OF_EACH
def test_after_a_connection_that_broke_in_the_middle_another_try_writes_the_rest(
    pcrt_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ordinary(pcrt_url)
    swap, batches = Batches.swap, []

    def killed(self: Batches, batch: Sequence[Change]) -> pcrt_batches.Held:
        held = swap(self, batch)
        batches.append(batch)
        if len(batches) == 2:
            run(pcrt_url, f"KILL {self._connection.connection.driver_connection.thread_id()}")  # type: ignore[union-attr]
        return held

    monkeypatch.setattr(Batches, "swap", killed)
    outcomes, failure, _ = swap_all(pcrt_url, changes)
    assert isinstance(failure, UnreachableError)
    now = lists_of(pcrt_url)
    assert all(now[key] == changes[key - 1].after for key in outcomes)
    rest = [change for change in changes if change.subscription_id not in outcomes]
    assert len(rest) > pcrt_batches.FEW
    more, failure, _ = swap_all(pcrt_url, rest, again=True)
    assert failure is None
    assert outcomes | more == {change.subscription_id: "written" for change in changes}
    assert lists_of(pcrt_url) == {change.subscription_id: change.after for change in changes}


@pytest.mark.parametrize("pcrt_url", ["MyISAM-utf8mb4"], indirect=True)
def test_an_account_with_no_other_right_than_to_update_the_column_is_enough(pcrt_url: URL) -> None:
    changes = ordinary(pcrt_url)
    run(
        pcrt_url,
        "CREATE OR REPLACE USER writer@'%' IDENTIFIED BY 'secret-77'",
        "GRANT SELECT, UPDATE (additionalmembers) ON subscriptions TO writer@'%'",
    )
    outcomes, failure, updates = swap_all(pcrt_url.set(username="writer", password="secret-77"), changes)
    assert failure is None
    assert set(outcomes.values()) == {"written"}
    assert updates < MANY / 10


@pytest.mark.parametrize("pcrt_url", ["InnoDB-utf8mb4"], indirect=True)
def test_names_that_need_quotes_are_no_trouble(pcrt_url: URL) -> None:
    ordinary(pcrt_url)
    run(
        pcrt_url,
        "CREATE TABLE `select` (`the key` DECIMAL(12), `100% from` VARCHAR(99))",
        "INSERT INTO `select` SELECT subid, 'a:0:{}' FROM subscriptions",
    )
    target = AdditionalMembersSettings(
        table=f"{pcrt_url.database}.select", key="the key", column="100% from", format="php"
    )
    changes = [Change(key, "a:0:{}", "a:1:{i:0;i:1001;}") for key in range(1, MANY + 1)]
    outcomes, failure, updates = swap_all(pcrt_url, changes, settings=PcrtSettings(additional_members=target))
    assert failure is None
    assert set(outcomes.values()) == {"written"}
    assert updates < MANY / 10


def sizes(*lengths: int) -> list[int]:
    changes = [Change(key, None, "x" * length) for key, length in enumerate(lengths)]
    batches = Batches(sa.create_mock_engine("sqlite://", print), rows_of(DEFAULTS.additional_members))  # type: ignore[arg-type]
    return [len(batch) for batch in batches.of(changes)]


def test_no_statement_is_longer_than_old_servers_take() -> None:
    most, size = pcrt_batches.MOST_CHARACTERS, pcrt_batches.FIRST_SIZE
    assert sizes(*[1] * size, 1) == [size, 1]
    assert sizes(most, 1, most - 1, 1, 2 * most, 1) == [1, 2, 1, 1, 1]
    assert sizes() == []


def test_statements_grow_while_they_are_quick_and_shrink_when_one_was_slow() -> None:
    batches = Batches(sa.create_mock_engine("sqlite://", print), rows_of(DEFAULTS.additional_members))  # type: ignore[arg-type]
    seen = []
    for seconds in (0.01, 0.05, 0.01, 0.2, 0.01, 0.01, 0.01, 0.01, 0.01, 0.2, 0.2, 0.2, 0.2, 0.2):
        batches._keep_pace(seconds)
        seen.append(batches._size)
    assert seen == [100, 100, 200, 100, 200, 400, 500, 500, 500, 250, 125, 62, 50, 50]

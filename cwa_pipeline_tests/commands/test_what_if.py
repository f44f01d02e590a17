"""The inputs of past nights, and what the rules would make of them under other settings."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from cwa_pipeline.commands.check import check_all
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.what_if import ISSUE, Replay, differences, print_what_if, replay
from cwa_pipeline.config.environment import NIGHTS_FOLDER, nights_folder
from cwa_pipeline.config.settings import Settings, generic_serials
from cwa_pipeline.definitions import defs
from cwa_pipeline.errors import BackupError
from cwa_pipeline.warehouse import nights
from cwa_pipeline.warehouse.schema import dtypes
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.shop import Shop, open_shop, open_shop_as_left

BY_PLAN = '[sync]\nadditional_members = "by_plan"\n'


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the invented shop after one sync."""
    folder = tmp_path_factory.mktemp("left")
    with open_shop(folder, *invented_msp()) as opened:
        assert opened.sync().succeeded
    return folder


@pytest.fixture
def shop(tmp_path: Path, left: Path) -> Iterator[Shop]:
    """The shop after that sync, with the night it kept."""
    with open_shop_as_left(tmp_path, left, *invented_msp()) as opened:
        shutil.copytree(left / NIGHTS_FOLDER, tmp_path / NIGHTS_FOLDER)
        yield opened


def folder_of(shop: Shop) -> Path:
    return nights_folder(Settings.load(), shop.warehouse_url)


def what_if(*arguments: str) -> str:
    result = cwa_pipeline("what-if", *arguments, folder=Path.cwd())
    assert result.returncode == 0, result.stderr
    return result.stdout


def as_synced(shop: Shop) -> tuple[set, set]:
    """The open issues (those that the guards raise left out) and the lists of the last sync, as sets of rows."""
    issues, members = shop.table("open_issues"), shop.table("subscription_members")
    issues = issues[issues["issue"] != "members_held"]
    return rows(issues[ISSUE]), rows(members[["subscription_id", "group_id", "pcid"]])


def rows(frame: pd.DataFrame) -> set:
    return set(frame.astype("object").where(frame.notna(), None).itertuples(index=False, name=None))


def empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes(table).items()})


def as_rows(replay: Replay) -> tuple[set, set]:
    return rows(replay.issues), rows(replay.members)


@pytest.fixture
def generic_file(shop: Shop) -> Path:
    """The shipped list, and a serial that several of the shop's computers are matched by."""
    matches, computers = shop.table("computer_matches"), shop.table("cwa_computers")
    by_serial = matches.loc[matches["matched_by"] == "serial", "computer_id"]
    serial = computers.loc[computers["computer_id"].isin(by_serial), "serial_number"].iloc[0]
    file = shop.folder / "other_serials.txt"
    file.write_text("\n".join([*generic_serials(), serial]), encoding="utf-8")
    return file


def test_a_replay_is_to_the_row_what_a_sync_with_these_settings_makes(shop: Shop, generic_file: Path) -> None:
    list_format = Settings.load().pcrt.additional_members.format
    with nights.opened(folder_of(shop)) as night:
        was = replay(night, night.mode, list_format)
        by_plan = replay(night, "by_plan", list_format)
        more_generic = replay(night, "every_plan", list_format, generic_serials(generic_file))
        found = differences(night, was, more_generic)
    assert as_rows(was) == as_synced(shop)

    shop.configure(BY_PLAN)
    assert shop.sync().succeeded
    assert as_rows(by_plan) == as_synced(shop) != as_rows(was)

    shop.configure()
    (shop.folder / "generic_serials.txt").write_bytes(generic_file.read_bytes())
    shop.sync()
    assert as_rows(more_generic) == as_synced(shop) != as_rows(was)

    new = {(row.issue, row.reason) for row in found.issues.itertuples() if row.change == "new"}
    assert ("no_matching_pcid", "generic_serial") in new
    assert set(found.members["change"]) == {"removed"}
    assert rows(was.members) - rows(more_generic.members) == rows(
        found.members[["subscription_id", "group_id", "pcid"]]
    )


def test_what_if_prints_what_would_differ_and_without_an_option_what_has_changed_since(
    shop: Shop, generic_file: Path
) -> None:
    same = what_if()
    assert "The same issues would be open" in same
    assert "The same PCIDs would be listed" in same

    lists, night = shop.lists(), sorted(folder_of(shop).iterdir())
    other = what_if("--generic-serials", str(generic_file))
    assert "no_matching_pcid" in other
    assert "generic_serial" in other
    assert "- PCID" in other
    assert "lists would differ" in what_if("--additional-members", "by_plan")
    assert (shop.lists(), sorted(folder_of(shop).iterdir())) == (lists, night)

    shop.configure(BY_PLAN)
    assert what_if("--night", nights.kept(folder_of(shop))[0].isoformat()) == what_if("--additional-members", "by_plan")


def test_only_the_last_nights_are_kept_and_nobody_elses_file_is_touched(shop: Shop) -> None:
    folder = folder_of(shop)
    [first] = nights.kept(folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    for day in (2, 3, 4, 4):
        nights.keep(folder, date(2027, 3, day), shop.table, "every_plan", 3)
    assert nights.kept(folder) == [date(2027, 3, 4), date(2027, 3, 3), date(2027, 3, 2)]
    assert first not in nights.kept(folder)
    assert {path.name for path in folder.iterdir()} == {
        "2027-03-02.zip",
        "2027-03-03.zip",
        "2027-03-04.zip",
        "notes.txt",
    }
    assert (folder.stat().st_mode | (folder / "2027-03-04.zip").stat().st_mode) & 0o077 == 0


def test_with_no_nights_to_keep_none_is_kept_and_the_sync_says_so_in_its_asset(shop: Shop) -> None:
    nights.keep(folder_of(shop), date(2020, 1, 1), empty, "every_plan", 30)
    shop.configure("[history]\nnights = 0\n")
    assert shop.sync().succeeded
    assert nights.kept(folder_of(shop)) == []
    with pytest.raises(BackupError, match=r"no night is kept there yet; the next sync keeps one, unless .*nights is 0"):
        print_what_if(None, None, None, every=False)


def test_what_is_materialised_alone_from_tables_of_an_earlier_run_is_no_night(shop: Shop) -> None:
    [path] = folder_of(shop).iterdir()
    path.unlink()
    with dg.DagsterInstance.ephemeral() as instance:
        alone = defs.resolve_job_def("nightly_sync").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("night_inputs")]
        )
    [made] = alone.asset_materializations_for_node("night_inputs")
    assert "cwa_computers, " in str(made.metadata["kept"].value)
    assert "not read in this run" in str(made.metadata["kept"].value)
    assert nights.kept(folder_of(shop)) == []


def test_a_folder_that_cannot_be_had_costs_the_night_and_not_the_sync(shop: Shop) -> None:
    (shop.folder / "a_file").touch()
    shop.configure('[history]\nnights_folder = "a_file/nights"\n')
    [told] = [finding for finding in check_all() if finding.subject == "nights"]
    assert (told.mark, "what-if has no nights" in told.text) == ("warn", True)
    shop.pcrt("UPDATE subscriptions SET additionalmembers = '_1001_' WHERE subid = 501")
    assert shop.sync().succeeded
    assert shop.lists()[501] != "_1001_"
    assert shop.table("sync_failures").empty
    shop.configure('[history]\nnights_folder = "mine"\n')
    assert shop.sync().succeeded
    assert len(nights.kept(shop.folder / "mine")) == 1


def test_a_night_that_is_not_kept_or_was_damaged_is_one_clear_line(shop: Shop) -> None:
    with pytest.raises(BackupError, match=r"the night of 2020-01-01 is not kept; those of \d{4}-\d\d-\d\d are$"):
        print_what_if(date(2020, 1, 1), None, None, every=False)
    wrong = cwa_pipeline("what-if", "--generic-serials", "nowhere.txt", folder=shop.folder)
    assert (wrong.returncode, "nowhere.txt: cannot be read (No such file or directory)" in wrong.stderr) == (1, True)
    [path] = folder_of(shop).iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BackupError, match="is no backup, or was damaged"):
        print_what_if(None, None, None, every=False)

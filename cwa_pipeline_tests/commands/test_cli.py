"""The command line as a person and a cron job meet it: real processes, their output and their exit status."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client
from cwa_pipeline.rules.safe_text import csv_safe, plain
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


def cwa_pipeline(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, as a shell would."""
    command = [sys.executable, "-m", "cwa_pipeline.commands", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_help_names_every_command_and_where_the_configuration_is() -> None:
    shown = cwa_pipeline("--help", folder=Path.cwd()).stdout
    assert all(
        command in shown
        for command in (
            "demo",
            "check",
            "sync",
            "issues",
            "explain",
            "snooze",
            "page",
            "backup",
            "restore",
            "cwa_pipeline.toml",
        )
    )


def imported_by(command: str, folder: Path) -> set[str]:
    said = cwa_pipeline(command, folder=folder, PYTHONPROFILEIMPORTTIME="1").stderr
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if "|" in line}


def test_what_runs_nothing_does_not_wait_for_dagster(tmp_path: Path) -> None:
    imported = imported_by("issues", tmp_path)
    assert "cwa_pipeline.commands.report" in imported
    assert "dagster" not in imported


def test_check_says_at_once_what_is_wrong_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "cwa_pipeline.toml").write_text("[cwa]\nurl = 1\n", encoding="utf-8")
    imported = imported_by("check", tmp_path)
    assert "cwa_pipeline.commands.fitness" in imported
    assert imported.isdisjoint({"dagster", "pandas", "sqlalchemy"})


def test_demo_says_what_it_found_what_it_wrote_and_where_to_look(tmp_path: Path) -> None:
    result = cwa_pipeline("demo", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "13 clients and 31 computers" in result.stdout
    assert "_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_" in result.stdout
    assert str(tmp_path / ".demo" / "cwa_warehouse.db") in result.stdout
    assert "Traceback" not in result.stderr
    # a second time starts from the same shop
    assert cwa_pipeline("demo", folder=tmp_path).stdout == result.stdout


def test_demo_never_empties_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    result = cwa_pipeline("demo", "--folder", str(tmp_path), folder=tmp_path)
    assert result.returncode == 1
    assert "is not empty and not a demo's" in result.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_sync_exits_0_when_it_succeeded_and_is_recorded_where_dagster_home_says(shop: Shop) -> None:
    home = shop.folder / "home"
    home.mkdir()
    result = cwa_pipeline("sync", folder=shop.folder, DAGSTER_HOME=str(home))
    assert result.returncode == 0, result.stderr
    assert "The sync succeeded" in result.stdout
    assert "8 written, 2 unchanged" in result.stdout
    assert "Read all 31 computers" in result.stderr
    assert list(home.rglob("runs.db"))


def test_sync_dry_run_writes_nothing(shop: Shop) -> None:
    before = shop.whole_pcrt()
    result = cwa_pipeline("sync", "--dry-run", folder=shop.folder)
    assert result.returncode == 0
    assert "8 planned, 2 unchanged" in result.stdout
    assert shop.whole_pcrt() == before


def test_a_process_that_ends_at_once_leaves_no_temporary_folder_behind(shop: Shop) -> None:
    temporary = shop.folder / "temporary"
    temporary.mkdir()
    result = cwa_pipeline("sync", "--dry-run", folder=shop.folder, TMPDIR=str(temporary))
    assert result.returncode == 0, result.stderr
    assert "The page for the technicians" in result.stdout
    assert list(temporary.iterdir()) == []


def test_words_that_nobody_reads_are_no_success() -> None:
    with subprocess.Popen([sys.executable, "-m", "cwa_pipeline.commands", "--help"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) != 0


def test_sync_exits_1_with_one_line_when_it_failed(shop: Shop) -> None:
    shop.server.world.computers.clear()
    result = cwa_pipeline("sync", folder=shop.folder)
    assert result.returncode == 1
    assert "The sync failed" in result.stdout
    assert "CWA shows no computer" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize("variable", ["CWA_PASSWORD", "PCRT_DATABASE_URL"])
def test_a_missing_secret_is_named_before_anything_is_read(shop: Shop, variable: str) -> None:
    result = cwa_pipeline("sync", folder=shop.folder, **{variable: ""})
    assert result.returncode == 1
    assert result.stderr.startswith(f"cwa-pipeline: {variable} is not set")
    assert shop.server.requests == []


def test_secrets_may_come_from_a_dotenv_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in shop.environment.items():
        if variable != "CWA_PIPELINE_CONFIG":
            monkeypatch.delenv(variable)
            with (shop.folder / ".env").open("a") as file:
                file.write(f'{variable}="{value}"\n')
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 0, result.stdout


def test_two_syncs_started_together_one_runs_and_the_other_says_so_and_exits_75(shop: Shop) -> None:
    with Warehouse(shop.warehouse_url) as warehouse, warehouse.exclusive():
        result = cwa_pipeline("sync", folder=shop.folder)
    assert result.returncode == 75
    assert "another sync" in result.stdout


def test_check_says_all_is_fit_in_one_line_each(shop: Shop) -> None:
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 0, result.stdout
    assert all(line.startswith("ok") for line in result.stdout.splitlines())
    assert {"configuration", "CWA account", "PCRT database", "warehouse", "page"} <= {
        line.split(maxsplit=1)[1].split(":")[0] for line in result.stdout.splitlines()
    }


def test_check_exits_1_and_names_each_thing_that_is_not_fit(shop: Shop) -> None:
    shop.configure('cwa.plans = ["BizCare Basic", "BizCare Platinum"]\npcrt.additional_members.column = "members"')
    shop.pcrt("DROP TABLE pc_group")
    result = cwa_pipeline("check", folder=shop.folder, CWA_CLIENT_ID="wrong")
    failures = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert result.returncode == 1
    assert any("pc_group" in line for line in failures)
    assert any("members" in line for line in failures)
    assert any("clientId" in line for line in failures)


def test_check_names_a_wrong_key_and_nothing_else_is_asked(shop: Shop) -> None:
    shop.configure("[sync]\ndryrun = true")
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 1
    assert "[sync] dryrun is unknown; did you mean dry_run?" in result.stdout
    assert shop.server.requests == []


def test_check_says_whether_the_pcrt_user_may_do_more_than_it_needs(
    tmp_path: Path, mariadb_server: MariadbServer
) -> None:
    url = mariadb_server.new_database()
    with open_shop(tmp_path, *invented_msp(), pcrt_url=url) as shop:
        as_root = cwa_pipeline("check", folder=shop.folder)
        assert as_root.returncode == 0, as_root.stdout
        assert "warn PCRT database: its account may do more than it needs: ALL PRIVILEGES on *.*" in as_root.stdout

        user, database = f"u_{url.database}"[:32], url.database
        shop.pcrt(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'a long password'")
        for table in ("pc_group", "pc_owner", "subscriptions"):
            shop.pcrt(f"GRANT SELECT ON `{database}`.{table} TO '{user}'@'%'")
        shop.pcrt(f"GRANT UPDATE (additionalmembers) ON `{database}`.subscriptions TO '{user}'@'%'")
        own = url.set(username=user, password="a long password").render_as_string(hide_password=False)
        as_user = cwa_pipeline("check", folder=shop.folder, PCRT_DATABASE_URL=own)
        assert (
            "ok   PCRT database: its account may update subscriptions.additionalmembers and nothing else"
            in as_user.stdout
        )
        assert cwa_pipeline("sync", folder=shop.folder, PCRT_DATABASE_URL=own).returncode == 0


def test_issues_come_as_a_table_as_csv_and_as_json(shop: Shop) -> None:
    hostile = "=HYPERLINK(1)\x1b[31m\u202e"
    shop.server.world.clients.append(Client(90, hostile, None))
    assert shop.sync().succeeded
    table = cwa_pipeline("issues", folder=shop.folder).stdout
    as_csv = cwa_pipeline("issues", "--format", "csv", folder=shop.folder).stdout
    as_json = cwa_pipeline("issues", "--format", "json", folder=shop.folder).stdout
    expected = shop.table("open_issues")
    assert f"{len(expected)} open issues" in table
    assert "\x1b" not in table
    assert "\u202e" not in table
    assert "\x1b" not in as_json
    assert {row["issue_key"] for row in csv.DictReader(io.StringIO(as_csv))} == set(expected["issue_key"])
    assert {row["issue_key"]: row["customer"] for row in json.loads(as_json)}["client:90:no_pcrt_group"] == hostile
    customer = next(
        row["customer"] for row in csv.DictReader(io.StringIO(as_csv)) if row["issue_key"].startswith("client:90")
    )
    assert customer.startswith("'=")


def test_issues_can_be_of_one_area_only(shop: Shop) -> None:
    assert shop.sync().succeeded
    rows = json.loads(cwa_pipeline("issues", "--area", "client", "--format", "json", folder=shop.folder).stdout)
    assert {row["area"] for row in rows} == {"client"}
    assert len(rows) == 5


def test_issues_without_a_warehouse_says_to_sync_first(shop: Shop) -> None:
    result = cwa_pipeline("issues", folder=shop.folder)
    assert result.returncode == 1
    assert "there is no warehouse yet; run a sync" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_takes_a_text_for_a_formula(text: str) -> None:
    assert csv_safe(text) == f"'{text}"


def test_no_text_drives_the_terminal() -> None:
    assert plain("a\x1b[2Jb\x07\u202ec\x9b") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd"
    assert plain(None) == ""


def test_a_snoozed_issue_is_listed_with_the_day_it_comes_back(shop: Shop) -> None:
    assert shop.sync().succeeded
    key = "computer:34:no_matching_pcid"
    said = cwa_pipeline("snooze", key, "--until", "2999-12-31", "--note", "known", folder=shop.folder)
    assert said.returncode == 0, said.stderr
    assert "is snoozed until 2999-12-31" in said.stdout
    table = cwa_pipeline("issues", folder=shop.folder).stdout
    assert "1 of them snoozed" in table
    rows = csv.DictReader(io.StringIO(cwa_pipeline("issues", "--format", "csv", folder=shop.folder).stdout))
    assert {row["issue_key"]: row["snoozed_until"] for row in rows if row["snoozed_until"]} == {
        key: "2999-12-31T05:00:00Z"
    }


def test_a_snooze_of_what_is_not_open_is_one_line(shop: Shop) -> None:
    assert shop.sync().succeeded
    said = cwa_pipeline("snooze", "computer:34:no_matching", "--until", "2999-12-31", "--note", "x", folder=shop.folder)
    assert said.returncode == 1
    assert "is no open issue; did you mean computer:34:no_matching_pcid?" in said.stderr
    assert "Traceback" not in said.stderr


def test_page_writes_the_page_anew_and_says_where_also_before_there_is_anything_to_show(shop: Shop) -> None:
    said = cwa_pipeline("page", folder=shop.folder)
    page = shop.folder / "integration_page.html"
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == str(page)
    assert "there is no warehouse yet; run a sync" in page.read_text(encoding="utf-8")
    assert shop.sync().succeeded
    page.unlink()
    assert cwa_pipeline("page", folder=shop.folder).returncode == 0
    assert "Elm Street Dental" in page.read_text(encoding="utf-8")


def test_check_says_when_the_page_cannot_be_written(shop: Shop) -> None:
    shop.configure('page.path = "nowhere/index.html"')
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 1
    assert "FAIL page:" in result.stdout
    assert "is no folder; make it, or correct [page] path" in result.stdout

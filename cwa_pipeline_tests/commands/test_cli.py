"""The command line as a person and a cron job meet it: its output and its exit status."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Client
from cwa_pipeline.rules.safe_text import csv_safe, plain
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.servers.mariadb import MariadbServer
from cwa_pipeline_tests.shop import Shop, open_shop

COMMANDS = (
    *("demo", "check", "sync", "plan", "undo", "covered", "explain"),
    *("snooze", "page", "issues", "what-if", "backup", "restore", "prune"),
)
HOSTILE = "=HYPERLINK(1)\x1b[31m\u202e"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The invented shop before its first sync."""
    with open_shop(tmp_path, *invented_msp()) as shop:
        yield shop


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The invented shop after a sync, with a client of a hostile name."""
    with open_shop(tmp_path_factory.mktemp("shop"), *invented_msp()) as shop:
        shop.server.world.clients.append(Client(90, HOSTILE, None))
        assert shop.sync().succeeded
        yield shop


def run_process(*command: str, folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """A real process, and the modules that it imported."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1", **environment}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return result, {line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if "|" in line}


def test_the_installed_command_answers_help_without_heavy_imports(tmp_path: Path) -> None:
    result, imported = run_process(str(Path(sys.executable).with_name("cwa-pipeline")), "--help", folder=tmp_path)
    assert result.returncode == 0
    assert all(f"│ {command} " in result.stdout for command in COMMANDS)
    assert "cwa_pipeline.toml" in result.stdout
    assert imported.isdisjoint({"dagster", "pandas", "sqlalchemy"})


def test_the_module_lists_issues_without_dagster_and_without_a_warehouse_says_to_sync_first(tmp_path: Path) -> None:
    result, imported = run_process(sys.executable, "-m", "cwa_pipeline.commands", "issues", folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("cwa-pipeline: ")
    assert "there is no warehouse yet; run a sync" in result.stderr
    assert "Traceback" not in result.stderr
    assert "pandas" in imported
    assert "dagster" not in imported


def test_help_keeps_words_in_brackets(tmp_path: Path) -> None:
    assert "older than [history] allows" in cwa_pipeline("prune", "--help", folder=tmp_path).stdout


def test_demo_prints_what_it_found_what_it_wrote_and_where_to_look(tmp_path: Path) -> None:
    result = cwa_pipeline("demo", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "13 clients and 31 computers" in result.stdout
    assert "_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_" in result.stdout
    assert str(tmp_path / ".demo" / "cwa_warehouse.db") in result.stdout
    # a second demo starts from the same shop
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


def test_secrets_may_come_from_a_dotenv_file(shop: Shop) -> None:
    secrets = {name: value for name, value in shop.environment.items() if name != "CWA_PIPELINE_CONFIG"}
    (shop.folder / ".env").write_text("".join(f'{name}="{value}"\n' for name, value in secrets.items()))
    with patch.dict(os.environ):
        for name in secrets:
            del os.environ[name]
        result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 0, result.stdout


def test_a_sync_that_finds_another_one_running_says_so_and_exits_75(shop: Shop) -> None:
    with Warehouse(shop.warehouse_url) as warehouse, warehouse.exclusive():
        result = cwa_pipeline("sync", folder=shop.folder)
    assert result.returncode == 75
    assert "another sync" in result.stdout


def test_check_prints_one_line_for_each_thing_that_is_ready(shop: Shop) -> None:
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 0, result.stdout
    assert all(line.startswith("ok") for line in result.stdout.splitlines())
    assert {"configuration", "CWA account", "PCRT database", "warehouse", "page"} <= {
        line.split(maxsplit=1)[1].split(":")[0] for line in result.stdout.splitlines()
    }


def test_check_exits_1_and_names_each_thing_that_is_not_ready(shop: Shop) -> None:
    shop.configure(
        'cwa.plans = ["BizCare Basic", "BizCare Platinum"]\n'
        'pcrt.additional_members.column = "members"\n'
        'page.path = "nowhere/index.html"'
    )
    shop.pcrt("DROP TABLE pc_group")
    result = cwa_pipeline("check", folder=shop.folder, CWA_CLIENT_ID="wrong")
    failures = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert result.returncode == 1
    assert any("pc_group" in line for line in failures)
    assert any("members" in line for line in failures)
    assert any("clientId" in line for line in failures)
    assert any(
        line.startswith("FAIL page:") and "is no folder; make it, or correct [page] path" in line for line in failures
    )


def test_check_names_a_wrong_key_and_asks_no_system(shop: Shop) -> None:
    shop.configure("[sync]\ndryrun = true")
    result = cwa_pipeline("check", folder=shop.folder)
    assert result.returncode == 1
    assert "[sync] dryrun is unknown; did you mean dry_run?" in result.stdout
    assert shop.server.requests == []


def test_check_warns_when_the_pcrt_user_may_do_more_than_it_needs(
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
        only = "ok   PCRT database: its account may update subscriptions.additionalmembers and nothing else"
        assert only in as_user.stdout
        assert cwa_pipeline("sync", folder=shop.folder, PCRT_DATABASE_URL=own).returncode == 0


def test_issues_come_as_a_table_as_csv_and_as_json(synced: Shop) -> None:
    table = cwa_pipeline("issues", folder=synced.folder).stdout
    as_csv = cwa_pipeline("issues", "--format", "csv", folder=synced.folder).stdout
    as_json = cwa_pipeline("issues", "--format", "json", folder=synced.folder).stdout
    expected = synced.table("open_issues")
    assert f"{len(expected)} open issues" in table
    assert not {"\x1b", "\u202e"} & {*table}
    assert "\x1b" not in as_json
    assert {row["issue_key"]: row["customer"] for row in json.loads(as_json)}["client:90:no_pcrt_group"] == HOSTILE
    customers = {row["issue_key"]: row["customer"] for row in csv.DictReader(io.StringIO(as_csv))}
    assert customers.keys() == set(expected["issue_key"])
    assert customers["client:90:no_pcrt_group"].startswith("'=")


def test_issues_can_be_of_one_area_only(synced: Shop) -> None:
    rows = json.loads(cwa_pipeline("issues", "--area", "client", "--format", "json", folder=synced.folder).stdout)
    assert {row["area"] for row in rows} == {"client"}
    assert len(rows) == 6


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_takes_a_text_for_a_formula(text: str) -> None:
    assert csv_safe(text) == f"'{text}"


def test_no_text_drives_the_terminal() -> None:
    assert plain("a\x1b[2Jb\x07\u202ec\x9b") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd"
    assert plain(None) == ""


def test_a_snoozed_issue_is_listed_with_the_day_it_comes_back(synced: Shop) -> None:
    key, rest = "computer:34:no_matching_pcid", ("--until", "2999-12-31", "--note", "known")
    wrong = cwa_pipeline("snooze", "computer:34:no_matching", *rest, folder=synced.folder)
    assert (wrong.returncode, f"is not an open issue; did you mean {key}?" in wrong.stderr) == (1, True)

    done = cwa_pipeline("snooze", key, *rest, folder=synced.folder)
    assert done.returncode == 0, done.stderr
    assert "is snoozed until 2999-12-31" in done.stdout
    assert "1 of them snoozed" in cwa_pipeline("issues", folder=synced.folder).stdout
    rows = csv.DictReader(io.StringIO(cwa_pipeline("issues", "--format", "csv", folder=synced.folder).stdout))
    snoozed = {row["issue_key"]: row["snoozed_until"] for row in rows if row["snoozed_until"]}
    assert snoozed == {key: "2999-12-31T05:00:00Z"}


def test_page_writes_the_page_and_prints_its_path(synced: Shop) -> None:
    page = synced.folder / "integration_page.html"
    page.unlink()
    result = cwa_pipeline("page", folder=synced.folder)
    assert (result.returncode, result.stdout.strip()) == (0, str(page))
    assert "Elm Street Dental" in page.read_text(encoding="utf-8")


def test_page_says_to_sync_when_there_is_nothing_to_show(shop: Shop) -> None:
    assert cwa_pipeline("page", folder=shop.folder).returncode == 0
    page = shop.folder / "integration_page.html"
    assert "there is no warehouse yet; run a sync" in page.read_text(encoding="utf-8")

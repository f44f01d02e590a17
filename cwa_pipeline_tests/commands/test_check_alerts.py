"""`cwa-pipeline check` says whether alerts are set up; with `--alert` it sends test messages."""

import os
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest

from cwa_pipeline.commands.check import check_alerts
from cwa_pipeline.config.settings import Settings
from cwa_pipeline_tests.alerts.listening import hook, mailbox
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.servers import free_port

SECRET = "swordfish"
SWITCH = {"CWA_PING_URL": "https://hc-ping.com/swordfish"}


def checked(toml: str = "", **environment: str) -> list[tuple[str, str]]:
    settings = Settings.model_validate({"cwa": {"url": "https://automate.example.com"}, **tomllib.loads(toml)})
    with patch.dict(os.environ, {"CWA_ALERT_URLS": "", "CWA_PING_URL": "", **environment}):
        return list(check_alerts(settings))


ON = "alerts.enabled = true\n"


def test_alert_sends_a_message_to_each_address_and_reports_each_result(tmp_path: Path) -> None:
    with hook() as web, mailbox() as box:
        urls = f"{web.address}\n{box.address}\njson://127.0.0.1:{free_port()}/{SECRET}\nslack://{SECRET}"
        result = cwa_pipeline("check", "--alert", folder=tmp_path, CWA_ALERT_URLS=urls)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "ok   alert address 1 (json): took the test message",
        "ok   alert address 2 (mailto): took the test message",
        "FAIL alert address 3 (json): could not be reached, or refused; check its host, port, user name and password",
        "FAIL alert address 4 (unknown): is not a known kind of address; docs/how-to/alerts.md shows examples",
    ]
    assert web.titles == [mail["Subject"] for mail in box.mails] == ["cwa-pipeline: test message"]
    assert SECRET not in result.stdout + result.stderr


def test_without_an_address_it_says_where_to_put_one(tmp_path: Path) -> None:
    result = cwa_pipeline("check", "--alert", folder=tmp_path, CWA_ALERT_URLS="")
    assert result.returncode == 1
    assert result.stdout.startswith("FAIL alerts: CWA_ALERT_URLS is not set; put the addresses into the environment")
    lost = cwa_pipeline("check", "--alert", folder=tmp_path, CWA_ALERT_URLS="", CWA_ALERT_URLS_FILE="/nowhere/urls")
    assert "FAIL alerts: CWA_ALERT_URLS_FILE: /nowhere/urls cannot be read: No such file or directory" in lost.stdout


def test_without_alerts_nothing_is_reported() -> None:
    assert checked() == []


def test_unused_addresses_are_a_warning() -> None:
    assert checked(CWA_ALERT_URLS="json://127.0.0.1") == [
        ("warn", "CWA_ALERT_URLS is set, but no alert is sent; set [alerts] enabled = true")
    ]


def test_enabled_alerts_need_a_valid_address() -> None:
    assert checked(ON, **SWITCH)[0][0] == "FAIL"
    [problem] = checked(ON, CWA_ALERT_URLS=f"pigeon://{SECRET}", **SWITCH)
    assert problem[0] == "FAIL"
    assert SECRET not in problem[1]
    assert checked(ON, CWA_ALERT_URLS="json://127.0.0.1 json://127.0.0.2", **SWITCH) == [
        ("ok", "addresses: 2 (cwa-pipeline check --alert sends each a test message)")
    ]


def test_without_a_dead_mans_switch_it_warns_what_nobody_would_notice() -> None:
    [_, (mark, text)] = checked(ON, CWA_ALERT_URLS="json://127.0.0.1")
    assert mark == "warn"
    assert "nobody is told when this machine or Dagster's daemon is dead" in text


@pytest.mark.parametrize(
    ("cron", "hours", "told"),
    [
        ("0 1 * * *", 26, None),  # 25 hours when the clocks are set back
        ("0 1 * * 1-5", 26, "the schedule pauses for 72 hours; make it 74"),
        ("0 1 * * 1-5", 74, None),
        ("0 1 * * 0", 26, "the schedule pauses for 16"),
    ],
)
def test_a_limit_below_the_schedules_pause_is_a_warning(cron: str, hours: int, told: str | None) -> None:
    found = checked(
        f'{ON}alerts.late_after_hours = {hours}\nschedule.cron = "{cron}"', CWA_ALERT_URLS="json://h", **SWITCH
    )
    assert [mark for mark, _ in found] == (["ok", "warn"] if told else ["ok"])
    assert told is None or told in found[-1][1]

"""The configuration file and the environment: every default of the contract, and one clear line for whatever is wrong."""

import os
import re
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy.engine import make_url

from cwa_pipeline.config.environment import CwaCredentials, page_path, pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings, generic_serials
from cwa_pipeline.errors import SettingsError

MINIMAL = '[cwa]\nurl = "https://automate.example.com"\n'
EXAMPLE = Path(__file__).parents[2] / "cwa_pipeline.example.toml"


def load(folder: Path, toml: str) -> Settings:
    path = folder / "cwa_pipeline.toml"
    path.write_text(toml, encoding="utf-8")
    return Settings.load(path)


def error(folder: Path, toml: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, toml)
    return str(caught.value)


def test_the_example_file_shows_every_key_with_its_default(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = tomllib.loads(text)
    assert Settings.model_validate(shown) == load(tmp_path, MINIMAL)
    with_optional_keys = tomllib.loads(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE))
    Settings.model_validate(with_optional_keys)
    for section, model in Settings.model_fields.items():
        assert set(with_optional_keys[section]) == set(model.annotation.model_fields)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("", "[cwa] is missing; add it"),
        ("[cwa]\n", "[cwa] url is missing; add it"),
        ("cwa = 1", "[cwa] has to be a section of the file; write it as [cwa]"),
        ("[cwa\n", "is not TOML"),
        ('[cwa]\nurl = "automate.example.com"', "[cwa] url write the whole address"),
        ('[cwa]\nurl = "http://automate.example.com"', "plain http would send the password in the clear"),
        (MINIMAL + "plan = []", "[cwa] plan is unknown; did you mean plans?"),
        (MINIMAL + "connections = 0", "[cwa] connections should be greater than or equal to 1 (found 0)"),
        (MINIMAL + "connections = 1000", "[cwa] connections should be less than or equal to 32 (found 1000)"),
        (MINIMAL + "plans = []", "[cwa] plans name at least one CWA group"),
        (MINIMAL + 'plans = ["BizCare Plus", "bizcare  plus"]', "[cwa] plans two plans have the same name"),
        (
            MINIMAL + "[guards]\nmax_source_drop = 30",
            "[guards] max_source_drop should be less than or equal to 1 (found 30)",
        ),
        (MINIMAL + '[guards]\nmin_removed = "5"', "[guards] min_removed should be a valid integer (found '5')"),
        (
            MINIMAL + "[guards]\nmin_removed = -1",
            "[guards] min_removed should be greater than or equal to 0 (found -1)",
        ),
        (MINIMAL + '[schedule]\ncron = "0 25 * * *"', "[schedule] cron is not a cron expression of five fields"),
        (MINIMAL + '[schedule]\ncron = "0 0 1 * * *"', "[schedule] cron is not a cron expression of five fields"),
        (MINIMAL + '[schedule]\ntimezone = "Mars/Olympus"', "[schedule] timezone is not a time zone"),
        (MINIMAL + '[schedule]\ntimezone = "../etc/passwd"', "[schedule] timezone is not a time zone"),
        (MINIMAL + "[page]\npath = 1", "[page] path"),
        (MINIMAL + '[page]\nurl = "pcrt.example.com"', "[page] url write the whole address"),
        (MINIMAL + '[page]\nurl = "javascript:alert(1)"', "[page] url write the whole address"),
        (MINIMAL + '[links]\npcid = "https://pcrt.example.com/"', "[links] pcid has to hold {pcid} once"),
        (MINIMAL + '[links]\npcid = "https://x.example/{pcid}{pcid}"', "[links] pcid has to hold {pcid} once"),
        (MINIMAL + '[links]\npcid = "https://x.example/{client_id}"', "[links] pcid has to hold {pcid} once"),
        (MINIMAL + '[links]\npcid = "javascript:alert({pcid})"', "[links] pcid write the whole address"),
        (MINIMAL + '[links]\npcids = "https://x.example/{pcid}"', "[links] pcids is unknown; did you mean pcid?"),
        (
            MINIMAL + '[sync]\nadditional_members = "all"',
            "[sync] additional_members should be 'every_plan' or 'by_plan'",
        ),
        (MINIMAL + "[sync]\ndry_run = 1", "[sync] dry_run should be a valid boolean (found 1)"),
        (MINIMAL + '[pcrt]\npcids = "DELETE FROM pc_owner"', "[pcrt] pcids must be one SELECT"),
        (
            MINIMAL + '[pcrt.additional_members]\ntable = "subs; DROP TABLE x"',
            "[pcrt.additional_members] table must be the plain name",
        ),
        (MINIMAL + '[pcrt.additional_members]\nformat = "xml"', "[pcrt.additional_members] format should be"),
        (
            MINIMAL + '[alerts]\ntell = ["fail"]',
            "[alerts.tell] 0 should be 'failed', 'late', 'held' or 'jumped' (found 'fail')",
        ),
        (MINIMAL + "[alerts]\nlate_after_hours = 0", "[alerts] late_after_hours should be greater than 0 (found 0)"),
        (MINIMAL + '[alerts]\ndigest = "0 25 * * *"', "[alerts] digest is not a cron expression of five fields"),
        (MINIMAL + "[alerts]\nenable = true", "[alerts] enable is unknown; did you mean enabled?"),
        (MINIMAL + "[snyc]\n", "[snyc] is unknown; did you mean sync?"),
    ],
)
def test_a_missing_unknown_or_wrong_key_is_one_line_naming_it_and_the_remedy(
    tmp_path: Path, toml: str, line: str
) -> None:
    message = error(tmp_path, toml)
    assert line in message
    assert "\n" not in message
    assert "cwa_pipeline.toml" in message


def test_each_wrong_key_has_a_line_of_its_own(tmp_path: Path) -> None:
    assert len(error(tmp_path, MINIMAL + "x = 1\n[sync]\ny = 2\n").splitlines()) == 2


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    message = error(tmp_path, '[cwa]\nurl = "https://me:swordfish@automate.example.com"')
    assert "must not hold a user name or password" in message
    assert "swordfish" not in message


def test_plain_http_is_allowed_on_loopback_only(tmp_path: Path) -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:80"):
        assert load(tmp_path, f'[cwa]\nurl = "http://{host}/"').cwa.url == f"http://{host}"


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CWA_PIPELINE_CONFIG", str(tmp_path / "elsewhere.toml"))
    with pytest.raises(SettingsError, match=r"elsewhere\.toml: no such file; copy cwa_pipeline\.example\.toml"):
        Settings.load()


def test_without_a_variable_the_working_folder_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CWA_PIPELINE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    load(tmp_path, MINIMAL)
    assert Settings.load().cwa.url == "https://automate.example.com"


@pytest.mark.parametrize("variable", ["CWA_USERNAME", "CWA_PASSWORD", "CWA_CLIENT_ID"])
def test_a_missing_secret_is_named(variable: str) -> None:
    environment = {"CWA_USERNAME": "u", "CWA_PASSWORD": "p", "CWA_CLIENT_ID": "c", variable: " "}
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        CwaCredentials.from_environment(environment)


def test_secrets_do_not_show() -> None:
    secrets = {
        "CWA_USERNAME": "u",
        "CWA_PASSWORD": "swordfish",
        "CWA_CLIENT_ID": "guid",
        "CWA_TWO_FACTOR_PASSCODE": "123456",
    }
    shown = repr(CwaCredentials.from_environment(secrets)) + str(CwaCredentials.from_environment(secrets))
    assert not any(secret in shown for secret in ("swordfish", "guid", "123456"))


@pytest.mark.parametrize("url", ["oracle://u:swordfish@h/d", "sqlite://", "nonsense swordfish", "mysql"])
def test_a_wrong_database_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="PCRT_DATABASE_URL") as caught:
        pcrt_database_url({"PCRT_DATABASE_URL": url})
    assert "swordfish" not in str(caught.value)


def test_the_warehouse_is_a_sqlite_file_beside_the_configuration_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CWA_PIPELINE_CONFIG", str(tmp_path / "cwa_pipeline.toml"))
    assert warehouse_url({}).render_as_string() == f"sqlite:///{tmp_path / 'cwa_warehouse.db'}"


def test_the_maintainers_list_beside_the_configuration_replaces_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CWA_PIPELINE_CONFIG", str(tmp_path / "cwa_pipeline.toml"))
    assert "Default string" in generic_serials()
    (tmp_path / "generic_serials.txt").write_bytes("\ufeffOurs\r\nÜber\r\n".encode())
    assert generic_serials() == ["Ours", "Über"]
    (tmp_path / "generic_serials.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"generic_serials\.txt: cannot be read"):
        generic_serials()


def test_the_page_is_beside_the_warehouse_unless_the_configuration_says_where(tmp_path: Path) -> None:
    with patch.dict(os.environ, {"CWA_PIPELINE_CONFIG": str(tmp_path / "cwa_pipeline.toml")}):
        default, own = load(tmp_path, MINIMAL), load(tmp_path, MINIMAL + '[page]\npath = "web/index.html"')
        sqlite, postgresql = make_url("sqlite:////data/cwa_warehouse.db"), make_url("postgresql://db.example/warehouse")
        assert page_path(default, sqlite) == Path("/data/integration_page.html")
        assert page_path(default, postgresql) == tmp_path / "integration_page.html"
        assert page_path(own, sqlite) == tmp_path / "web" / "index.html"

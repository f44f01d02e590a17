"""Secrets from files as well as from the environment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cwa_pipeline.config.environment import CwaCredentials, alert_urls, pcrt_database_url, ping_url, warehouse_url
from cwa_pipeline.errors import SettingsError

READERS: dict[str, Callable[[dict[str, str]], object]] = {
    "CWA_USERNAME": lambda environ: CwaCredentials.from_environment(environ).username,
    "CWA_PASSWORD": lambda environ: CwaCredentials.from_environment(environ).password.get_secret_value(),
    "CWA_CLIENT_ID": lambda environ: CwaCredentials.from_environment(environ).client_id.get_secret_value(),
    "CWA_TWO_FACTOR_PASSCODE": lambda environ: (
        CwaCredentials.from_environment(environ).two_factor_passcode
        and CwaCredentials.from_environment(environ).two_factor_passcode.get_secret_value()
    ),
    "PCRT_DATABASE_URL": lambda environ: pcrt_database_url(environ).render_as_string(hide_password=False),
    "WAREHOUSE_URL": lambda environ: warehouse_url(environ).render_as_string(hide_password=False),
    "CWA_ALERT_URLS": lambda environ: " ".join(url.get_secret_value() for url in alert_urls(environ)),
    "CWA_PING_URL": lambda environ: (url := ping_url(environ)) and url.get_secret_value(),
}
VALUES = {
    "CWA_USERNAME": "integrator",
    "CWA_PASSWORD": " a pass word\u00e9 ",
    "CWA_CLIENT_ID": "c0ffee",
    "CWA_TWO_FACTOR_PASSCODE": "123456",
    "PCRT_DATABASE_URL": "mysql+pymysql://account:hunter2@127.0.0.1/pcrt",
    "WAREHOUSE_URL": "postgresql://account:hunter2@127.0.0.1/cwa",
    "CWA_ALERT_URLS": "slack://hunter2/b/c json://hooks.example.com/hunter2",
    "CWA_PING_URL": "https://hc-ping.com/hunter2",
}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", READERS)
def test_every_secret_may_be_in_a_file_whose_last_newline_does_not_count(
    tmp_path: Path, name: str, ending: str
) -> None:
    file = tmp_path / name
    file.write_bytes(f"{VALUES[name]}{ending}".encode())
    environ = {other: value for other, value in VALUES.items() if other != name} | {f"{name}_FILE": str(file)}
    assert READERS[name](environ) == READERS[name](VALUES) == VALUES[name]


@pytest.mark.parametrize("name", READERS)
def test_a_secret_in_both_places_or_in_a_file_that_cannot_be_read_is_one_line_without_the_secret(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(VALUES[name], encoding="utf-8")
    assert said(name, VALUES | {f"{name}_FILE": str(file)}) == f"{name} and {name}_FILE are both set; keep one"

    others = {other: value for other, value in VALUES.items() if other != name}
    gone = tmp_path / "gone"
    assert said(name, others | {f"{name}_FILE": str(gone)}) == (
        f"{name}_FILE: {gone} cannot be read: No such file or directory; correct the path, or its rights"
    )
    assert "cannot be read: Is a directory" in said(name, others | {f"{name}_FILE": str(tmp_path)})
    file.write_bytes(b"\xff\xfe\x00hunter2")
    assert said(name, others | {f"{name}_FILE": str(file)}) == f"{name}_FILE: {file} is not UTF-8 text; save it as such"
    file.write_text(" \n", encoding="utf-8")
    assert said(name, others | {f"{name}_FILE": str(file)}) == f"{name}_FILE: {file} is empty; write the secret into it"


def said(name: str, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        READERS[name](environ)
    assert VALUES[name] not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)

"""Secrets, database URLs and paths: from the environment, a `.env` file, or files that the environment names.

A missing or wrong variable is one clear line that never contains a secret. Nothing is read at import.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cwa_pipeline.config.settings import Settings, config_path, configured_site, generic_serials
from cwa_pipeline.config.values import is_web_address
from cwa_pipeline.errors import SettingsError

DEFAULT_WAREHOUSE_FILE = "cwa_warehouse.db"
NIGHTS_FOLDER = "cwa_nights"
DEFAULT_PAGE_FILE = "integration_page.html"


class CwaCredentials(BaseModel):
    """The log-in of the CWA account."""

    model_config = ConfigDict(frozen=True)

    username: str = Field(repr=False)
    password: SecretStr
    client_id: SecretStr
    two_factor_passcode: SecretStr | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read CWA_USERNAME, CWA_PASSWORD, CWA_CLIENT_ID and, when set, CWA_TWO_FACTOR_PASSCODE."""
        passcode = _secret(environ, "CWA_TWO_FACTOR_PASSCODE")
        return cls(
            username=_required(environ, "CWA_USERNAME", "the CWA account's name"),
            password=SecretStr(_required(environ, "CWA_PASSWORD", "the CWA account's password")),
            client_id=SecretStr(_required(environ, "CWA_CLIENT_ID", "the clientId GUID registered with ConnectWise")),
            two_factor_passcode=SecretStr(passcode) if passcode else None,
        )


def pcrt_database_url(environ: Mapping[str, str] = os.environ) -> URL:
    """PCRT_DATABASE_URL as a SQLAlchemy URL (`mysql+pymysql://` or `sqlite:///`)."""
    example = "PCRT's database, as in mysql+pymysql://cwa_pipeline:...@127.0.0.1/pcrt"
    return _database_url(
        "PCRT_DATABASE_URL", _required(environ, "PCRT_DATABASE_URL", example), {"mysql", "mariadb", "sqlite"}
    )


def warehouse_url(environ: Mapping[str, str] = os.environ) -> URL:
    """WAREHOUSE_URL as a SQLAlchemy URL (`sqlite:///` or `postgresql://`); default: a SQLite file beside the TOML file.

    With `[site] name`, several sites share the URL. In PostgreSQL each has the schema of its name (the URL's `schema` parameter), in
    SQLite a file of its own (`cwa_warehouse_tampa.db`).
    """
    text = _secret(environ, "WAREHOUSE_URL")
    url = (
        _database_url("WAREHOUSE_URL", text, {"sqlite", "postgresql"})
        if text
        else URL.create("sqlite", database=str(config_path().with_name(DEFAULT_WAREHOUSE_FILE)))
    )
    site = configured_site()
    if not site:
        return url
    if url.get_backend_name() == "postgresql":
        return url.update_query_dict({"schema": site})
    return url.set(database=str(_of_site(Path(url.database or ""), site)))


def alert_urls(environ: Mapping[str, str] = os.environ) -> list[SecretStr]:
    """CWA_ALERT_URLS: apprise's URLs in their order, separated by blanks or newlines. A line that begins with `#` is a comment."""
    text = _secret(environ, "CWA_ALERT_URLS") or ""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [SecretStr(url) for line in lines for url in line.split()]


def ping_url(environ: Mapping[str, str] = os.environ) -> SecretStr | None:
    """CWA_PING_URL, the address of a dead-man's switch, or None. It may contain a token, so it is never shown."""
    text = (_secret(environ, "CWA_PING_URL") or "").strip()
    if not text:
        return None
    if not is_web_address(text) or re.search(r"\s", text):
        remedy = "copy it from your monitor, as in https://hc-ping.com/..."
        raise SettingsError(f"CWA_PING_URL is not a web address; {remedy}")
    return SecretStr(text)


def page_path(settings: Settings, warehouse: URL) -> Path:
    """The path of the integration page: `[page] path`, else beside the warehouse file or the TOML file."""
    return _own_path(settings, warehouse, settings.page.path, DEFAULT_PAGE_FILE)


def nights_folder(settings: Settings, warehouse: URL) -> Path:
    """The folder of past nights' inputs: `[history] nights_folder`, else beside the warehouse file or the TOML file."""
    return _own_path(settings, warehouse, settings.history.nights_folder, NIGHTS_FOLDER)


def _own_path(settings: Settings, warehouse: URL, configured: Path | None, default: str) -> Path:
    """The configured path, relative to the TOML file, else the default one beside the warehouse's file or the TOML file."""
    if configured is not None:
        return config_path().parent / configured
    is_file = warehouse.get_backend_name() == "sqlite" and warehouse.database
    path = (Path(warehouse.database or "").absolute() if is_file else config_path()).with_name(default)
    return _of_site(path, settings.site.name) if settings.site.name else path


def _of_site(path: Path, site: str) -> Path:
    return path.with_name(f"{path.stem}_{site}{path.suffix}")


def _required(environ: Mapping[str, str], variable: str, what: str) -> str:
    value = _secret(environ, variable) or ""
    if not value.strip():
        remedy = f"put {what} into the environment or the .env file, or the path of a file with it into {variable}_FILE"
        raise SettingsError(f"{variable} is not set; {remedy}")
    return value


def _secret(environ: Mapping[str, str], variable: str) -> str | None:
    """The variable, or the content of the file that VARIABLE_FILE names, without the newline at its end.

    Secrets of systemd, Docker and Kubernetes come as files. Unlike the environment, they are not passed to every process.
    """
    value, path = environ.get(variable), environ.get(f"{variable}_FILE")
    if not path:
        return value
    if value:
        raise SettingsError(f"{variable} and {variable}_FILE are both set; keep one")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        why = f"cannot be read: {error.strerror}; correct the path, or its rights"
        raise SettingsError(f"{variable}_FILE: {path} {why}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}_FILE: {path} is not UTF-8 text; save it as such") from None
    if not text.strip():
        raise SettingsError(f"{variable}_FILE: {path} is empty; write the secret into it")
    return text.removesuffix("\n").removesuffix("\r")


def _database_url(variable: str, text: str, backends: set[str]) -> URL:
    try:
        url = make_url(text.strip())
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise SettingsError(f"{variable} is not a database URL; .env.example shows examples") from None
    if backend not in backends:
        raise SettingsError(f"{variable}: {backend} is not supported; use {' or '.join(sorted(backends))}")
    if backend == "sqlite" and not url.database:
        raise SettingsError(f"{variable}: names no file; use sqlite:////the/whole/path.db")
    return url


def require_all() -> Settings:
    """The settings. Raises SettingsError if the file or the environment lacks anything that a sync needs."""
    settings = Settings.load()
    CwaCredentials.from_environment()
    pcrt_database_url()
    warehouse_url()
    generic_serials()
    return settings

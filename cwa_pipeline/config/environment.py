"""What a shop keeps out of `cwa_pipeline.toml`: the CWA account and the two databases, from the environment, a `.env` file or files.

What belongs here: which variable holds what, and the one line that a missing or wrong one earns; a secret is never part of it. What
must not: opening a connection. Nothing is read at import.
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
    """What the CWA account logs in with."""

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
    """WAREHOUSE_URL as a SQLAlchemy URL (`sqlite:///` or `postgresql://`); without it, a SQLite file beside the TOML file.

    With `[site] name`, the URL says what the sites share, and the site has its own part of that: in a PostgreSQL database the schema
    of its name (the URL's `schema` parameter), in a folder the SQLite file with its name behind (`cwa_warehouse_tampa.db`).
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
    """CWA_ALERT_URLS: apprise's URLs, one a line or with blanks between, in their order. None when it is not set.

    A line that begins with `#` is a remark.
    """
    text = _secret(environ, "CWA_ALERT_URLS") or ""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [SecretStr(url) for line in lines for url in line.split()]


def ping_url(environ: Mapping[str, str] = os.environ) -> SecretStr | None:
    """CWA_PING_URL, the address of a dead-man's switch; None when it is not set. It may hold a token, so it is never shown."""
    text = (_secret(environ, "CWA_PING_URL") or "").strip()
    if not text:
        return None
    if not is_web_address(text) or re.search(r"\s", text):
        raise SettingsError(
            "CWA_PING_URL is not a web address; copy it from your monitor, as in https://hc-ping.com/..."
        )
    return SecretStr(text)


def page_path(settings: Settings, warehouse: URL) -> Path:
    """Where the integration page goes: `[page] path` (from the TOML file's folder), else beside the warehouse file or the TOML file."""
    if settings.page.path is not None:
        return config_path().parent / settings.page.path
    page = _beside_the_warehouse(warehouse).with_name(DEFAULT_PAGE_FILE)
    return _of_site(page, settings.site.name) if settings.site.name else page


def nights_folder(settings: Settings, warehouse: URL) -> Path:
    """Where the inputs of the last nights are kept: `[history] nights_folder`, else beside the warehouse file or the TOML file."""
    if settings.history.nights_folder is not None:
        return config_path().parent / settings.history.nights_folder
    folder = _beside_the_warehouse(warehouse).with_name(NIGHTS_FOLDER)
    return _of_site(folder, settings.site.name) if settings.site.name else folder


def _beside_the_warehouse(warehouse: URL) -> Path:
    """The warehouse's file, or the TOML file when the warehouse is no file."""
    is_file = warehouse.get_backend_name() == "sqlite" and warehouse.database
    return Path(warehouse.database or "").absolute() if is_file else config_path()


def _of_site(path: Path, site: str) -> Path:
    return path.with_name(f"{path.stem}_{site}{path.suffix}")


def _required(environ: Mapping[str, str], variable: str, what: str) -> str:
    value = _secret(environ, variable) or ""
    if not value.strip():
        raise SettingsError(
            f"{variable} is not set; put {what} into the environment or the .env file, or the path of a file with it into {variable}_FILE"
        )
    return value


def _secret(environ: Mapping[str, str], variable: str) -> str | None:
    """The variable, or what is in the file that the variable with _FILE behind names, without the newline at its end.

    Files are how systemd's credentials, Docker's and Kubernetes' secrets arrive; unlike the environment they are not handed on to
    every process. What is in one is never part of an error.
    """
    value, path = environ.get(variable), environ.get(f"{variable}_FILE")
    if not path:
        return value
    if value:
        raise SettingsError(f"{variable} and {variable}_FILE are both set; keep one")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"{variable}_FILE: {path} cannot be read: {error.strerror}; correct the path, or its rights"
        ) from None
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
        raise SettingsError(f"{variable} is not a database URL; .env.example shows what one looks like") from None
    if backend not in backends:
        raise SettingsError(f"{variable}: {backend} is not supported; use {' or '.join(sorted(backends))}")
    if backend == "sqlite" and not url.database:
        raise SettingsError(f"{variable}: names no file; use sqlite:////the/whole/path.db")
    return url


def require_all() -> Settings:
    """The settings, once all that a sync needs of the file and the environment is known to be there (else SettingsError)."""
    settings = Settings.load()
    CwaCredentials.from_environment()
    pcrt_database_url()
    warehouse_url()
    generic_serials()
    return settings

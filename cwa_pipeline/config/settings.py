"""What a shop configures in `cwa_pipeline.toml`: everything but secrets and database URLs (`environment`).

What belongs here: every key with its default, and the one line that a wrong one earns. What must not: what a value has to be
(`settings_values`), opening a connection. Nothing is read at import: `Settings.load` reads the file when a run starts.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from cwa_pipeline.config import values
from cwa_pipeline.errors import SettingsError

CONFIG_FILE = "cwa_pipeline.toml"
CONFIG_VARIABLE = "CWA_PIPELINE_CONFIG"
GENERIC_SERIALS_FILE = "generic_serials.txt"
SHIPPED_GENERIC_SERIALS = Path(__file__).with_name(GENERIC_SERIALS_FILE)

MOST_CONNECTIONS = 32  # CWA is one IIS and one MySQL; more at once only makes each answer slower
TREND_DAYS = 31  # the page shows how the open issues changed in 30 days
MOST_DAYS = 36_500  # a hundred years; a number beyond that is a slip
MOST_LATE_HOURS = 24 * 31  # a sync once a month; later than that is never told in time

DEFAULT_PLANS = (
    "BizCare Basic",
    "BizCare Plus",
    "BizCare Premium",
    "BizCare Basic Non-Profit",
    "BizCare Plus Non-Profit",
    "BizCare Premium Non-Profit",
)


Select = Annotated[str, AfterValidator(values.select)]
Identifier = Annotated[str, AfterValidator(values.identifier)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SiteSettings(_Section):
    """`[site]`: which of many shops this is. Its name goes in front of keys and names, and keeps its tables apart."""

    name: Annotated[str, AfterValidator(values.site_name)] | None = Field(
        default=None, description="Letters, digits and underscores, a letter first: it goes in front of keys and names"
    )


class CwaSettings(_Section):
    """`[cwa]`: the server, and the CWA groups that stand for plans."""

    url: Annotated[str, AfterValidator(values.https_or_loopback)] = Field(
        description="The address of your CWA server; https, or http on loopback only"
    )
    plans: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(values.some_distinct_names)] = Field(
        default=DEFAULT_PLANS,
        description="The CWA groups that stand for plans, by name; other groups have no meaning here",
    )
    connections: int = Field(
        default=4,
        ge=1,
        le=MOST_CONNECTIONS,
        description="How many pages are asked for at once, at most; more is faster where the server is slow to answer",
    )


class AdditionalMembersSettings(_Section):
    """`[pcrt.additional_members]`: the one column the pipeline writes."""

    table: Identifier = Field(default="subscriptions", description="The table with the lists")
    key: Identifier = Field(default="subid", description="Its column with the subscription's id")
    column: Identifier = Field(
        default="additionalmembers", description="Its column with the list, the only one ever written"
    )
    format: Literal["underscore", "comma", "php", "json"] = Field(
        default="underscore", description="How PCRT writes a list: `_7_12_`, `7,12`, PHP's serialised array, or JSON"
    )


class PcrtSettings(_Section):
    """`[pcrt]`: how this shop's PCRT database is read; each query has to name its columns as shown."""

    groups: Select = Field(
        default="SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group",
        description="Reads the groups: group_id, name",
    )
    pcids: Select = Field(
        default="SELECT pcid, pcname AS name, pcmake AS make, pcgroupid AS group_id, pcextra AS extra FROM pc_owner",
        description="Reads the machines: pcid, name, make, group_id, and extra (where the serial number is in) or serial_number itself",
    )
    serial_field: int = Field(
        default=104,
        description="The serial number's mainassetfieldid in mainassetinfofields; counts when pcids gives extra",
    )
    subscriptions: Select = Field(
        default="SELECT subid AS subscription_id, subname AS name, pcgroupid AS group_id, pcid, cwagroup AS cwa_group, "
        "additionalmembers AS additional_members, subactive AS active FROM subscriptions",
        description="Reads the subscriptions: subscription_id, name, group_id, pcid, cwa_group, additional_members, active",
    )
    bizcare_prefix: str = Field(
        default="BizCare", min_length=1, description="A subscription whose name starts so is a BizCare subscription"
    )
    additional_members: AdditionalMembersSettings = AdditionalMembersSettings()


class SyncSettings(_Section):
    """`[sync]`: what a sync writes."""

    additional_members: Literal["every_plan", "by_plan"] = Field(
        default="every_plan",
        description="Whether every BizCare subscription of a group lists all its covered PCIDs, or each only those in its own plan",
    )
    dry_run: bool = Field(default=False, description="true: no sync ever writes to PCRT")


class GuardSettings(_Section):
    """`[guards]`: how much may change in one night without a person."""

    max_source_drop: Share = Field(
        default=0.30,
        description="The share of its rows that a source may lose since the last sync that wrote; more stops the write",
    )
    max_removed_share: Share = Field(
        default=0.50, description="The share of its members that one subscription may lose; more holds its group"
    )
    min_removed: Count = Field(default=5, description="Fewer members than this may always go from one subscription")
    max_total_removed_share: Share = Field(
        default=0.20, description="The share of their members that all lists together may lose; more stops the write"
    )
    min_total_removed: Count = Field(
        default=50, description="Fewer members than this may always go from all lists together"
    )


class ScheduleSettings(_Section):
    """`[schedule]`: when the nightly sync runs."""

    cron: Annotated[str, AfterValidator(values.cron_expression)] = Field(
        default="0 1 * * *", description="When, as a cron expression of five fields: minute, hour, day, month, weekday"
    )
    timezone: Annotated[str, AfterValidator(values.timezone)] = Field(
        default="America/New_York", description="The time zone that the cron expression is meant in"
    )


class HistorySettings(_Section):
    """`[history]`: for how many days what is over is kept. The ledger, and what is still open, is kept for ever."""

    resolved_issue_days: Annotated[int, Field(ge=TREND_DAYS, le=MOST_DAYS)] = Field(
        default=730, description="Days an issue is kept after it was resolved"
    )
    coverage_days: Days = Field(default=1825, description="Days a PCID's coverage is kept after it ended")
    sync_days: Days = Field(default=400, description="Days the record of a sync, and of each of its readings, is kept")
    nights: Annotated[int, Field(ge=0, le=MOST_DAYS)] = Field(
        default=30, description="How many nights' inputs are kept for what-if; 0: none"
    )
    nights_folder: Annotated[Path, Field(strict=False)] | None = Field(
        default=None, description="Where they are kept, from this file's folder; else cwa_nights beside the warehouse"
    )
    dagster_days: Days = Field(default=90, description="Days Dagster keeps a run, with its events and logs")


class PageSettings(_Section):
    """`[page]`: where the integration page is written, and where a web server shows it."""

    path: Annotated[Path, Field(strict=False)] | None = Field(
        default=None,
        description="Where the page is written, from this file's folder; else integration_page.html beside the warehouse",
    )
    url: Annotated[str, AfterValidator(values.web_address)] | None = Field(
        default=None, description="Where a web server shows the page; the Dagster UI links there"
    )


Told = Literal["failed", "late", "held", "jumped"]


class AlertSettings(_Section):
    """`[alerts]`: what is told to the addresses in CWA_ALERT_URLS, and when.

    A jump is both many more and a large share more than after the sync before: a new customer brings a handful of issues a night,
    and one issue more where there were two is no news.
    """

    enabled: bool = Field(default=False, description="true: Dagster's daemon tells of every change of state, once")
    tell: Annotated[tuple[Told, ...], Field(strict=False)] = Field(
        default=("failed", "late", "held", "jumped"), description="What is told: any of failed, late, held, jumped"
    )
    late_after_hours: Annotated[float, Field(gt=0, le=MOST_LATE_HOURS)] = Field(
        default=26, description="Hours without a successful sync; more than the schedule's longest pause"
    )
    jump_by: Annotated[int, Field(ge=1)] = Field(
        default=10, description="A kind of issue has jumped when so many more are open than after the sync before"
    )
    jump_share: Annotated[float, Field(ge=0)] = Field(default=0.25, description="And so large a share more")
    digest: Annotated[str, AfterValidator(values.cron_expression)] | None = Field(
        default=None, description="When a daily digest is sent, as a cron expression in the time zone of [schedule]"
    )


class LinksSettings(_Section):
    """`[links]`: addresses in CWA and PCRT that the page links to; each holds its id as shown, as in `...?pcid={pcid}`."""

    client: Annotated[str, AfterValidator(values.template("client_id"))] | None = Field(
        default=None, description="A client's screen in CWA, with {client_id}"
    )
    computer: Annotated[str, AfterValidator(values.template("computer_id"))] | None = Field(
        default=None, description="A computer's screen in CWA, with {computer_id}"
    )
    pcid: Annotated[str, AfterValidator(values.template("pcid"))] | None = Field(
        default=None, description="A machine's page in PCRT, with {pcid}"
    )
    group: Annotated[str, AfterValidator(values.template("group_id"))] | None = Field(
        default=None, description="A group's page in PCRT, with {group_id}"
    )
    subscription: Annotated[str, AfterValidator(values.template("subscription_id"))] | None = Field(
        default=None, description="A subscription's page in PCRT, with {subscription_id}"
    )


class Settings(_Section):
    """The whole of `cwa_pipeline.toml`."""

    cwa: CwaSettings
    site: SiteSettings = SiteSettings()
    pcrt: PcrtSettings = PcrtSettings()
    sync: SyncSettings = SyncSettings()
    guards: GuardSettings = GuardSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    history: HistorySettings = HistorySettings()
    page: PageSettings = PageSettings()
    links: LinksSettings = LinksSettings()
    alerts: AlertSettings = AlertSettings()

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read the configuration from `path`, else from CWA_PIPELINE_CONFIG, else from the working folder.

        Raises SettingsError, one line per wrong key, naming the file, the key and the remedy.
        """
        path = path or config_path()
        with _told_in_lines(path):
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))


def configured_site() -> str | None:
    """The site's name in the configuration; None when it has none, or there is no file. The file's other keys may be wrong."""
    path = config_path()
    if not path.exists():
        return None
    with _told_in_lines(path):
        section = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("site", {})
        return _SiteAlone.model_validate({"site": section}).site.name


class _SiteAlone(BaseModel):
    site: SiteSettings


@contextmanager
def _told_in_lines(path: Path) -> Iterator[None]:
    """Whatever is wrong with the file at `path`, as a SettingsError with one line for each thing."""
    try:
        yield
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file; copy cwa_pipeline.example.toml to {CONFIG_FILE}, or set {CONFIG_VARIABLE} to its path"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {_one_line(detail)}" for detail in error.errors())) from None


def config_path() -> Path:
    """Where the configuration is to be found; the file need not exist."""
    return Path(os.environ.get(CONFIG_VARIABLE) or CONFIG_FILE).absolute()


def generic_serials(path: Path | None = None) -> list[str]:
    """The lines of the maintainer's list of generic serials: the file beside the TOML file when there, else the shipped one."""
    own = config_path().with_name(GENERIC_SERIALS_FILE)
    path = path or (own if own.exists() else SHIPPED_GENERIC_SERIALS)
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path}: cannot be read ({why}); save it as UTF-8 text, one value a line") from None


def _one_line(detail: ErrorDetails) -> str:
    """Say what is wrong with one key, and what to do."""
    *section, key = (str(part) for part in detail["loc"])
    name = f"[{'.'.join(section)}] {key}" if section else f"[{key}]"
    match detail["type"]:
        case "missing":
            return f"{name} is missing; add it"
        case "extra_forbidden":
            near = difflib.get_close_matches(key, _known_keys(section), n=1)
            return f"{name} is unknown; " + (f"did you mean {near[0]}?" if near else "remove it")
        case "model_type" | "model_attributes_type":
            return f"{name} has to be a section of the file; write it as [{key}]"
        case _:
            message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ").replace("tuple", "list")
            return f"{name} {message[0].lower()}{message[1:]}{_found(detail['input'])}"


def _found(value: object) -> str:
    """Quote the wrong value, unless it looks like an address with a password in it."""
    return "" if "@" in str(value) else f" (found {value!r})"


def _known_keys(section: list[str]) -> Iterator[str]:
    """The keys of one section of the file."""
    model: Any = Settings
    for part in section:
        model = model.model_fields[part].annotation
    return iter(model.model_fields)

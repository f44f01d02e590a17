"""`cwa_pipeline.toml`: every key with its default, and one clear line for each wrong one.

Secrets and database URLs come from the environment (`environment`). Nothing is read at import.
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
MOST_DAYS = 36_500  # a hundred years; a larger number is a typing error
MOST_LATE_HOURS = 24 * 31  # a sync once a month; an alert after that would be too late

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
Cron = Annotated[str, AfterValidator(values.cron_expression)]
LenientPath = Annotated[Path, Field(strict=False)]  # TOML has text only
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class _Section(BaseModel):
    """A section of the file. The text below a key is its description in the schema and the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class SiteSettings(_Section):
    """`[site]`: which of several shops this is. Its name is the prefix of asset keys and names, and keeps its tables apart."""

    name: Annotated[str, AfterValidator(values.site_name)] | None = None
    """Letters, digits and underscores, starting with a letter: the prefix of asset keys and names"""


class CwaSettings(_Section):
    """`[cwa]`: the server, and the CWA groups that stand for plans."""

    url: Annotated[str, AfterValidator(values.https_or_loopback)]
    """The address of your CWA server; https, or http on loopback only"""
    plans: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(values.some_distinct_names)] = DEFAULT_PLANS
    """The CWA groups that stand for plans, by name; other groups have no meaning here"""
    connections: Annotated[int, Field(ge=1, le=MOST_CONNECTIONS)] = 4
    """How many pages are requested at once, at most; more is faster if the server answers slowly"""


class AdditionalMembersSettings(_Section):
    """`[pcrt.additional_members]`: the one column the pipeline writes."""

    table: Identifier = "subscriptions"
    """The table with the lists"""
    key: Identifier = "subid"
    """Its column with the subscription's id"""
    column: Identifier = "additionalmembers"
    """Its column with the list, the only one ever written"""
    format: Literal["underscore", "comma", "php", "json"] = "underscore"
    """How PCRT writes a list: `_7_12_`, `7,12`, PHP's serialised array, or JSON"""


class PcrtSettings(_Section):
    """`[pcrt]`: how this shop's PCRT database is read. Each query has to name its columns as shown."""

    groups: Select = "SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group"
    """Reads the groups: group_id, name"""
    pcids: Select = "SELECT pcid, pcname AS name, pcmake AS make, pcgroupid AS group_id, pcextra AS extra FROM pc_owner"
    """Reads the machines: pcid, name, make, group_id, and extra (which holds the serial number) or serial_number itself"""
    serial_field: int = 104
    """The serial number's mainassetfieldid in mainassetinfofields; used if pcids gives extra"""
    subscriptions: Select = (
        "SELECT subid AS subscription_id, subname AS name, pcgroupid AS group_id, pcid, cwagroup AS cwa_group, "
        "additionalmembers AS additional_members, subactive AS active FROM subscriptions"
    )
    """Reads the subscriptions: subscription_id, name, group_id, pcid, cwa_group, additional_members, active"""
    bizcare_prefix: Annotated[str, Field(min_length=1)] = "BizCare"
    """A subscription whose name starts with this is a BizCare subscription"""
    additional_members: AdditionalMembersSettings = AdditionalMembersSettings()


class SyncSettings(_Section):
    """`[sync]`: what a sync writes."""

    additional_members: Literal["every_plan", "by_plan"] = "every_plan"
    """Whether every BizCare subscription of a group lists all its covered PCIDs, or each only those in its own plan"""
    dry_run: bool = False
    """true: no sync ever writes to PCRT"""


class GuardSettings(_Section):
    """`[guards]`: how much may change in one night without a person."""

    max_source_drop: Share = 0.30
    """The share of its rows that a source may lose since the last sync that wrote; more stops the write"""
    max_removed_share: Share = 0.50
    """The share of its members that one subscription may lose; more holds its group"""
    min_removed: Count = 5
    """Fewer members than this may always be removed from one subscription"""
    max_total_removed_share: Share = 0.20
    """The share of their members that all lists together may lose; more stops the write"""
    min_total_removed: Count = 50
    """Fewer members than this may always be removed from all lists together"""


class ScheduleSettings(_Section):
    """`[schedule]`: when the nightly sync runs."""

    cron: Cron = "0 1 * * *"
    """When, as a cron expression of five fields: minute, hour, day, month, weekday"""
    timezone: Annotated[str, AfterValidator(values.timezone)] = "America/New_York"
    """The time zone of the cron expression"""


class HistorySettings(_Section):
    """`[history]`: for how many days finished records are kept. The ledger and everything still open are kept forever."""

    resolved_issue_days: Annotated[int, Field(ge=TREND_DAYS, le=MOST_DAYS)] = 730
    """Days an issue is kept after it was resolved"""
    coverage_days: Days = 1825
    """Days a PCID's coverage is kept after it ended"""
    sync_days: Days = 400
    """Days the record of a sync and of its readings is kept"""
    nights: Annotated[int, Field(ge=0, le=MOST_DAYS)] = 30
    """For how many nights the inputs are kept for what-if; 0: none"""
    nights_folder: LenientPath | None = None
    """Where they are kept, relative to this file's folder; default: cwa_nights beside the warehouse"""
    dagster_days: Days = 90
    """Days Dagster keeps a run, with its events and logs"""


class PageSettings(_Section):
    """`[page]`: where the integration page is written, and where a web server shows it."""

    path: LenientPath | None = None
    """Where the page is written, relative to this file's folder; default: integration_page.html beside the warehouse"""
    url: Annotated[str, AfterValidator(values.web_address)] | None = None
    """Where a web server shows the page; the Dagster UI links there"""


Told = Literal["failed", "late", "held", "jumped"]


class AlertSettings(_Section):
    """`[alerts]`: what is reported to the addresses in CWA_ALERT_URLS, and when.

    A jump is both many more issues and a large share more than after the sync before: a new customer brings a handful of issues a
    night, and one more where there were two is no news.
    """

    enabled: bool = False
    """true: Dagster's daemon reports every change of state, once"""
    tell: Annotated[tuple[Told, ...], Field(strict=False)] = ("failed", "late", "held", "jumped")
    """What is reported: any of failed, late, held, jumped"""
    late_after_hours: Annotated[float, Field(gt=0, le=MOST_LATE_HOURS)] = 26
    """Hours without a successful sync; more than the schedule's longest pause"""
    jump_by: Annotated[int, Field(ge=1)] = 10
    """A kind of issue has jumped if at least this many more are open than after the sync before"""
    jump_share: Annotated[float, Field(ge=0)] = 0.25
    """And if the increase is more than this share of the earlier number"""
    digest: Cron | None = None
    """When a daily digest is sent, as a cron expression in the time zone of [schedule]"""


class LinksSettings(_Section):
    """`[links]`: addresses in CWA and PCRT that the page links to; each contains its id as shown, as in `...?pcid={pcid}`."""

    client: Annotated[str, AfterValidator(values.template("client_id"))] | None = None
    """A client's screen in CWA, with {client_id}"""
    computer: Annotated[str, AfterValidator(values.template("computer_id"))] | None = None
    """A computer's screen in CWA, with {computer_id}"""
    pcid: Annotated[str, AfterValidator(values.template("pcid"))] | None = None
    """A machine's page in PCRT, with {pcid}"""
    group: Annotated[str, AfterValidator(values.template("group_id"))] | None = None
    """A group's page in PCRT, with {group_id}"""
    subscription: Annotated[str, AfterValidator(values.template("subscription_id"))] | None = None
    """A subscription's page in PCRT, with {subscription_id}"""


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

        Raises SettingsError, one line for each wrong key, naming the file, the key and the remedy.
        """
        path = path or config_path()
        with _errors_in_lines(path):
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))


def config_path() -> Path:
    """The path of the configuration; the file need not exist."""
    return Path(os.environ.get(CONFIG_VARIABLE) or CONFIG_FILE).absolute()


def configured_site() -> str | None:
    """The site's name in the configuration; None if it has none or there is no file. Other keys of the file may be wrong."""
    path = config_path()
    if not path.exists():
        return None
    with _errors_in_lines(path):
        section = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("site", {})
        return _SiteAlone.model_validate({"site": section}).site.name


class _SiteAlone(BaseModel):
    site: SiteSettings


def generic_serials(path: Path | None = None) -> list[str]:
    """The lines of the list of generic serials: the file beside the TOML file if it exists, else the shipped one."""
    own = config_path().with_name(GENERIC_SERIALS_FILE)
    path = path or (own if own.exists() else SHIPPED_GENERIC_SERIALS)
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path}: cannot be read ({why}); save it as UTF-8 text, one value a line") from None


@contextmanager
def _errors_in_lines(path: Path) -> Iterator[None]:
    """Turn every problem with the file at `path` into a SettingsError with one line for each."""
    try:
        yield
    except FileNotFoundError:
        remedy = f"copy cwa_pipeline.example.toml to {CONFIG_FILE}, or set {CONFIG_VARIABLE} to its path"
        raise SettingsError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {_one_line(detail)}" for detail in error.errors())) from None


def _one_line(detail: ErrorDetails) -> str:
    """What is wrong with one key, and what to do."""
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
            found = str(detail["input"])  # not repeated if it looks like an address with a password
            return f"{name} {message[0].lower()}{message[1:]}" + (
                "" if "@" in found else f" (found {detail['input']!r})"
            )


def _known_keys(section: list[str]) -> list[str]:
    """The keys of one section of the file."""
    model: Any = Settings
    for part in section:
        model = model.model_fields[part].annotation
    return list(model.model_fields)

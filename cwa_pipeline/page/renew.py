"""Writing the integration page: from the warehouse's tables to the file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from cwa_pipeline.config.environment import page_path, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.page import content, render, summary
from cwa_pipeline.rules.issues.chain_links import LINK_TABLES, computer_links, member_listings
from cwa_pipeline.rules.issues.explanation import CHAIN_TABLES
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED, Warehouse

ISSUE_TABLES = ("client_issues", "computer_issues", "group_issues")
PAGE_TABLES = (
    *CHAIN_TABLES,
    *ISSUE_TABLES,
    "match_suggestions",
    "issue_history",
    "issue_snoozes",
    "sync_runs",
    "sync_failures",
)

LINKED_TABLES = (*LINK_TABLES, "subscription_members", "additional_members")


def page(
    read: Callable[[str], pd.DataFrame], settings: Settings, now: datetime, links: pd.DataFrame | None = None
) -> str:
    """The page from the warehouse's tables and their `chain_links`. Raises WarehouseError if one cannot be read."""
    tables = {table: read(table) for table in PAGE_TABLES}
    if links is None:
        links = chain_links(tables.__getitem__)
    issue_tables = {table: tables[table] for table in ISSUE_TABLES}
    found = content.blocks(issue_tables)
    sync = summary.last_sync(tables["sync_runs"], tables["sync_failures"], tables["additional_members"])
    totals, kinds = summary.trends(tables["issue_history"], now, settings.schedule.timezone)
    return render.rendered(
        problem=None,
        made_at=now.astimezone(ZoneInfo(settings.schedule.timezone)),
        sync=sync._replace(lines=[content.shown_text(line) for line in sync.lines]),
        figures=summary.figures(tables, links),
        totals=totals,
        kinds=kinds,
        blocks=found,
        sections=content.sections(found),
        generic_serials=content.generic_serials(tables["computer_issues"]),
        issue_count=sum(map(len, issue_tables.values())),
        issues_at_most=content.ISSUES_AT_MOST,
        computer_count=len(links),
        computers_at_most=content.COMPUTERS_AT_MOST,
        rows=content.rows(tables, found, links, settings.links),
    )


def chain_links(read: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    """Where the chain of every computer breaks."""
    listings = member_listings(read("subscription_members"), read("additional_members"))
    return computer_links(**{table: read(table) for table in LINK_TABLES}, listings=listings)


def renew_page() -> Path:
    """Write the page again from the warehouse, and return its path. If the warehouse cannot be read, the page says so.

    Raises SettingsError, and PageError if the file cannot be written.
    """
    settings = Settings.load()
    url, now = warehouse_url(), datetime.now(UTC)
    path = page_path(settings, url)
    with Warehouse(url) as warehouse:
        try:
            site.refuse_another_sites_tables(warehouse)
            text = page(lambda table: warehouse.read(table, or_empty=table in MAY_BE_UNFILLED), settings, now)
        except WarehouseError as error:
            made_at = now.astimezone(ZoneInfo(settings.schedule.timezone))
            text = render.rendered(problem=str(error), made_at=made_at)
    render.put_in_place(path, text)
    return path

"""The rows of the integration page: issues, computers, suggestions and snoozes as compact columns for the page's script."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.config.settings import LinksSettings
from cwa_pipeline.rules.frames import lookup, map_distinct
from cwa_pipeline.rules.history import last_snoozes
from cwa_pipeline.rules.issues.chain_links import LINKS
from cwa_pipeline.rules.issues.explanation import CHAIN_TABLES, FIXES, TEXTS, computer_chains
from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS, Instructions
from cwa_pipeline.rules.issues.kinds import ISSUES, Kind
from cwa_pipeline.rules.matching.serials import normalise
from cwa_pipeline.rules.safe_text import shortened

# With more rows the page would open slowly. The tables have all of them, and the page says so.
ISSUES_AT_MOST = 20_000
COMPUTERS_AT_MOST = 20_000
LONGEST_TEXT = 300  # characters of one value; a hostile name would fill the page


class Block(NamedTuple):
    """The issues of one kind with one reason, which share their instructions."""

    issue: str
    reason: str | None
    kind: Kind
    instructions: Instructions
    issues: int


class Section(NamedTuple):
    """One kind of issue, and the numbers of its blocks."""

    issue: str
    kind: Kind
    issues: int
    blocks: list[int]


class GenericSerial(NamedTuple):
    """A serial number of computers of several clients, as a line for generic_serials.txt."""

    line: str
    evidence: str


def blocks(issue_tables: Mapping[str, pd.DataFrame]) -> list[Block]:
    """The open issues by kind and reason, worst first, then in the order of the catalogue."""
    pairs = pd.concat([issues[["issue", "reason"]] for issues in issue_tables.values()])
    counted = pairs.groupby(["issue", "reason"], dropna=False, sort=False).size().reset_index(name="issues")
    kinds = zip(counted["issue"].tolist(), counted["reason"].tolist(), counted["issues"].tolist(), strict=True)
    number = {(issue, None if pd.isna(reason) else reason): issues for issue, reason, issues in kinds}
    found = [
        Block(issue, reason, ISSUES[issue], words, number[issue, reason])
        for (issue, reason), words in INSTRUCTIONS.items()
        if (issue, reason) in number
    ]
    return sorted(found, key=lambda block: block.kind.severity)


def sections(found: list[Block]) -> list[Section]:
    """The kinds of the blocks in the order of the overview: errors before warnings, the most frequent first."""
    made = [
        Section(
            issue,
            ISSUES[issue],
            sum(block.issues for block in found if block.issue == issue),
            [number for number, block in enumerate(found) if block.issue == issue],
        )
        for issue in dict.fromkeys(block.issue for block in found)
    ]
    return sorted(made, key=lambda section: (section.kind.severity, -section.issues))


def rows(
    tables: Mapping[str, pd.DataFrame], found: list[Block], computer_links: pd.DataFrame, links: LinksSettings
) -> dict[str, Any]:
    """Everything that the page's script needs, as plain values: columns are lists, or {v: distinct values, i: indexes into v}.

    `computer_links` has all computers. Chains are made only for those that the page shows.
    """
    opened = (
        tables["issue_history"].loc[lambda history: history["resolved_at"].isna()].set_index("issue_key")["first_seen"]
    )
    group_names = tables["pcrt_groups"].set_index("group_id")["name"]
    issue_tables = {area: tables[f"{area}_issues"] for area in ("client", "computer", "group")}
    tied = lookup(issue_tables["client"]["client_id"], tables["client_groups"].set_index("client_id")["group_id"])
    issue_tables["client"] = issue_tables["client"].assign(group_id=tied, group_name=lookup(tied, group_names))
    shown = _worst_first(issue_tables, opened)
    computers = _computers(tables, _shown_computers(computer_links, shown["computer"]["computer_id"]))
    suggestions = tables["match_suggestions"]
    suggestions = suggestions[suggestions["computer_id"].isin(computers["computer_id"])].merge(
        tables["pcrt_pcids"][["pcid", "name", "group_id"]], on="pcid", how="left"
    )
    suggestions["group_name"] = lookup(suggestions["group_id"], group_names)
    position = {(block.issue, block.reason): number for number, block in enumerate(found)}
    return {
        "blocks": [
            {
                "issue": block.issue,
                "reason": block.reason,
                "area": block.kind.area,
                "about": block.kind.about,
                "severity": block.kind.severity,
            }
            for block in found
        ],
        "issues": {area: _columns(_placed(issues, position)) for area, issues in shown.items()},
        "computers": _columns(computers),
        "suggestions": _columns(suggestions),
        "snoozes": _columns(last_snoozes(tables["issue_snoozes"])[["issue_key", "snoozed_until", "note"]]),
        "chain": {"links": LINKS, "texts": TEXTS, "fixes": FIXES},
        "links": links.model_dump(exclude_none=True),
    }


def generic_serials(computer_issues: pd.DataFrame) -> list[GenericSerial]:
    """The suspected generic serials, the most widespread first, with their numbers of computers and clients."""
    suspected = computer_issues[computer_issues["issue"] == "suspected_generic_serial"].dropna(subset="serial_number")
    found = suspected.groupby(normalise(suspected["serial_number"])).agg(
        line=("serial_number", "first"), computers=("computer_id", "nunique"), clients=("client_id", "nunique")
    )
    found = found.sort_values(["clients", "computers", "line"], ascending=[False, False, True]).head(ISSUES_AT_MOST)
    return [
        GenericSerial(line, f"{computers} computers of {clients} clients")
        for line, computers, clients in found.itertuples(index=False, name=None)
        if shown_text(line) == line.strip()  # others cannot be copied from the page
    ]


def _worst_first(issue_tables: Mapping[str, pd.DataFrame], opened: pd.Series) -> dict[str, pd.DataFrame]:
    """The issues that fit, errors before warnings, then oldest first, with `seen`, when each was first seen."""
    everything = pd.concat([issues[["severity", "issue_key"]] for issues in issue_tables.values()], ignore_index=True)
    everything["seen"] = lookup(everything["issue_key"], opened)
    order = ["severity", "seen", "issue_key"]
    # Not `sort_values`: in a large shop one issue in twenty fits, and only those need an order
    ranked = pa.table({name: pa.array(everything[name]) for name in order})
    first = pc.select_k_unstable(ranked, k=ISSUES_AT_MOST, sort_keys=[(name, "ascending") for name in order])
    fitting = everything.loc[np.sort(first.to_numpy()), "seen"]
    shown, start = {}, 0
    for area, issues in issue_tables.items():
        seen = fitting[(fitting.index >= start) & (fitting.index < start + len(issues))]
        of_area = issues.iloc[seen.index - start].assign(area=area, seen=seen.array)
        shown[area] = of_area.sort_values(["seen", "issue_key"])
        start += len(issues)
    return shown


def _placed(issues: pd.DataFrame, position: Mapping[tuple[str, str | None], int]) -> pd.DataFrame:
    """The columns for the page, with the number of the block in place of issue and reason."""
    reasons = issues["reason"].astype("object").where(issues["reason"].notna(), None)
    block = [position[pair] for pair in zip(issues["issue"].tolist(), reasons.tolist(), strict=True)]
    of_computers = ["computer_name", "serial_number", "asset_tag", "pcid", "pcid_group_id", "expected_group_id"]
    dropped = ["issue_key", "issue", "reason", "severity", "area", *of_computers]
    return issues.assign(block=block).drop(columns=dropped, errors="ignore")


def _shown_computers(computer_links: pd.DataFrame, with_issues: pd.Series) -> pd.DataFrame:
    """The links of the computers that fit, those with issues first, then those not covered."""
    settled = ~computer_links["computer_id"].isin(with_issues)
    order = pd.DataFrame({"settled": settled, "covered": computer_links["broken"].isna()})
    fitting = order.sort_values(["settled", "covered"], kind="stable").index[:COMPUTERS_AT_MOST]
    return computer_links.loc[fitting]


def _computers(tables: Mapping[str, pd.DataFrame], shown: pd.DataFrame) -> pd.DataFrame:
    """The chains of the computers with these links, in that order, with last contact and last user."""
    computers = tables["cwa_computers"]
    of_chain = {name: tables[name] for name in CHAIN_TABLES}
    of_chain["cwa_computers"] = computers = computers[computers["computer_id"].isin(shown["computer_id"])]
    chains = computer_chains(**of_chain, links=shown).set_index("computer_id", drop=False).loc[shown["computer_id"]]
    facts = computers.set_index("computer_id")
    return chains.assign(**{name: lookup(chains["computer_id"], facts[name]) for name in ("last_contact", "last_user")})


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(name): _column(frame[name]) for name in frame.columns} | {"length": len(frame)}


def _column(values: pd.Series) -> list[Any] | dict[str, list[Any]]:
    """The values for JSON: times as seconds since 1970, texts made harmless, dictionary-encoded if values repeat."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = (values - pd.Timestamp("1970-01-01", tz="UTC")).dt.total_seconds().round().astype("Int64")
    which, distinct = pd.factorize(values)
    if isinstance(values.dtype, pd.StringDtype):
        # Cleaning can make two distinct texts the same
        among, distinct = pd.factorize(shown_texts(pd.Series(distinct)))
        which = np.append(among, -1)[which]
    if len(distinct) * 2 < len(values):
        return {"v": distinct.tolist(), "i": which.tolist()}
    return [*map([*distinct.tolist(), None].__getitem__, which.tolist())]


def shown_text(value: str) -> str:
    """A text without the characters that could reorder a line or hide in it, cut to LONGEST_TEXT."""
    return shortened(value.strip(), LONGEST_TEXT)


def shown_texts(values: pd.Series) -> pd.Series:
    """`shown_text` of each."""
    return map_distinct(values, shown_text, missing=None, dtype="str")

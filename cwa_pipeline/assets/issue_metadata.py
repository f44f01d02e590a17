"""What Dagster shows of an issue table: how many there are, how that changed, the first rows, and what to do about them.

Event logs are permanent, so names of people and customers are left out. The UI renders Markdown, so text of CWA and PCRT is escaped.
"""

import re
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.rules.safe_text import shortened
from cwa_pipeline.warehouse.schema import non_personal_columns

FIRST_ROWS = 10
LONGEST_CELL = 60  # characters; longer than any serial number that a person types
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+.!|~&-])")


def issue_metadata(table: str, issues: pd.DataFrame, issue_history: pd.DataFrame) -> dict[str, Any]:
    """The count, the change since the last sync, the count of each kind, and the first rows with their instructions.

    `issue_history` is the one before this sync.
    """
    area = table.removesuffix("_issues")
    open_before = issue_history[issue_history["resolved_at"].isna() & (issue_history["area"] == area)]
    counts, before = issues["issue"].value_counts(), open_before["issue"].value_counts()
    kinds = [issue for issue, kind in ISSUES.items() if kind.area == area]
    return {
        "issues": len(issues),
        "change_since_last_sync": len(issues) - len(open_before),
        **{issue: int(counts.get(issue, 0)) for issue in kinds if issue in counts or issue in before},
        "first_rows": dg.MetadataValue.md(first_rows(table, issues)),
    }


def first_rows(table: str, issues: pd.DataFrame) -> str:
    """The first rows as a Markdown table, errors first, with the instructions for them below."""
    if issues.empty:
        return "Nothing is open."
    shown = non_personal_columns(table)
    keys = pa.table({name: pa.array(issues[name].array) for name in ("severity", "issue_key")})
    best = pc.select_k_unstable(keys, FIRST_ROWS, [(name, "ascending") for name in keys.column_names])
    first = issues.iloc[best.to_numpy()][shown].drop(columns="issue_key")
    rows = first.dropna(axis="columns", how="all").map(markdown_safe).to_markdown(index=False, disable_numparse=True)
    pairs = first[["issue", "reason"]].drop_duplicates().itertuples(index=False, name=None)
    words = [(issue, INSTRUCTIONS[issue, None if pd.isna(reason) else reason]) for issue, reason in pairs]
    told = [
        f"**{instructions.title}** ({markdown_safe(issue)}): {instructions.means}\n\n"
        + "\n".join(f"{number}. {step}" for number, step in enumerate(instructions.steps, 1))
        for issue, instructions in words
    ]
    return "\n\n".join([f"The first {len(first)} of {len(issues)}:", rows, *told])


def markdown_safe(value: object) -> str:
    """A value as plain text in Markdown and HTML; null is empty."""
    return _MARKUP.sub(r"\\\1", shortened(value, LONGEST_CELL))

"""All that the rules work out: what the write waits for in one step, with what they worked from; the suggestions in another.

What belongs here: which tables those are, and their order. What must not: how one is made (`matching`, `issues`, `coverage`).
"""

from cwa_pipeline.assets import coverage, issues, matching, nights, page, sources
from cwa_pipeline.assets.tables_step import RULES, tables_step

rules_tables = tables_step(
    RULES,
    ("matching", *matching.FIRST),
    (coverage.GROUP, coverage.subscription_members, coverage.members_plan),
    (
        "issues",
        issues.client_issues,
        issues.computer_issues,
        issues.group_issues,
        issues.issue_history,
        issues.open_issues,
    ),
    deps={"serial_blacklist": [sources.GENERIC_SERIALS]},
    meanwhile=[nights.night_inputs],
)

# After all that may begin with it; in a large shop the second process is still at it.
suggestions_table = tables_step(
    "suggestions", ("matching", matching.match_suggestions), first=page.look_at_chains, priority=-1
)

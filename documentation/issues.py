"""A page for each kind of issue and one with them all: what it means and how it is resolved (`rules.issues`, `rules.instructions`)."""

from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS, Instructions
from cwa_pipeline.rules.issues.kinds import ISSUES
from documentation.markdown import code, table

SEVERITIES = {
    "error": "An error: something is not covered, or not as the rules want it.",
    "warning": "A warning, beyond the documented rules: something to look at, which stops nothing else.",
}
HEAD = """# Kinds of issue

What the issue tables (`client_issues`, `computer_issues`, `group_issues`), the integration page and `cwa-pipeline issues` call by these
names. Each has a page with the steps that resolve it. An issue whose cause is gone is gone after the next sync; one that is known and
meant can be [snoozed](../how-to/snooze.md).
"""


def issues_page() -> str:
    """The page with all kinds."""
    parts = []
    for severity in SEVERITIES:
        rows = (
            (
                f"[`{issue}`](../issues/{issue}.md)",
                kind.about,
                ", ".join(code(each) for each in reasons(issue)),
                kind.meaning,
            )
            for issue, kind in ISSUES.items()
            if kind.severity == severity
        )
        parts.append(f"\n## {severity.capitalize()}s\n\n" + table(("issue", "of a", "reasons", "what is so"), rows))
    return HEAD + "".join(parts)


def issue_pages() -> dict[str, str]:
    """The page of each kind."""
    return {issue: _page(issue) for issue in ISSUES}


def reasons(issue: str) -> list[str]:
    """The cases of an issue, when it has several or one with a name."""
    return [reason for kind, reason in INSTRUCTIONS if kind == issue and reason is not None]


def _page(issue: str) -> str:
    kind = ISSUES[issue]
    cases = "".join(_case(reason, words) for (of, reason), words in INSTRUCTIONS.items() if of == issue)
    return (
        f"# {issue}\n\n**{kind.meaning}.** {SEVERITIES[kind.severity]} It is about one {kind.about}, and stands in the table "
        f"[`{kind.area}_issues`](../reference/tables.md#{kind.area}_issues) and in `open_issues`. What is *shown here* stands in "
        f"the issue's row on the integration page.\n{cases}"
    )


def _case(reason: str | None, words: Instructions) -> str:
    named = f" (reason `{reason}`)" if reason else ""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(words.steps, 1))
    return f"\n## {words.title}\n\n{words.means}{named}\n\n{steps}\n"

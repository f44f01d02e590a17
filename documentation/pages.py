"""Which pages are made from the code, and where they stand in the documentation."""

from cwa_pipeline.rules.issues.kinds import ISSUES
from documentation.commands import commands_page
from documentation.configuration import configuration_page
from documentation.issues import issue_pages, issues_page
from documentation.tables import tables_page


def generated_pages() -> dict[str, str]:
    """Each page's path in docs/ and its Markdown."""
    return {
        "reference/configuration.md": configuration_page(),
        "reference/tables.md": tables_page(),
        "reference/commands.md": commands_page(),
        "reference/issues.md": issues_page(),
        **{f"issues/{issue}.md": page for issue, page in issue_pages().items()},
    }


def issue_navigation() -> list[str]:
    """The pages of the kinds of issue, in the order of the rules."""
    return [f"issues/{issue}.md" for issue in ISSUES]

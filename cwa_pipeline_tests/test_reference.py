"""The reference pages made from the code leave nothing out. `make docs` checks what mkdocs makes of them."""

import re
from pathlib import Path

import pytest

from cwa_pipeline.config.settings import Settings
from cwa_pipeline.rules.issues.instructions import INSTRUCTIONS
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.tables import TABLES
from documentation.commands import command_names
from documentation.pages import generated_pages

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r'"((?:CWA|PCRT|WAREHOUSE)_[A-Z_]+)"')


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generated_pages()


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", page.split(f"\n{heading}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_every_configuration_key_is_in_its_section_with_default_and_description(pages: dict[str, str]) -> None:
    settings = Settings.model_validate({"cwa": {"url": "https://automate.example.com"}})
    for name, part in settings:
        text = section(pages["reference/configuration.md"], f"## [{name}]")
        for key, field in type(part).model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                continue
            (row,) = (line for line in text.splitlines() if line.startswith(f"| `{key}` |"))
            assert field.description is not None
            assert field.description in row.replace("\\|", "|")
            if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                assert f"`{field.default}`" in row


def test_every_table_and_column_is_described(pages: dict[str, str]) -> None:
    for name, model in TABLES.items():
        text = section(pages["reference/tables.md"], f"### {name}\n")
        assert (model.__doc__ or "") in text
        columns = model.to_schema().columns
        assert re.findall(r"^\| (?:\*\*)?`(\w+)`", text, re.MULTILINE) == list(columns)
        for column in columns.values():
            assert column.description in text.replace("\\|", "|")


def test_every_command_has_a_section(pages: dict[str, str]) -> None:
    assert {"demo", "check", "sync", "issues"} <= set(command_names())
    for command in command_names():
        assert section(pages["reference/commands.md"], f"## `cwa-pipeline {command}`\n").count("**Usage**") == 1


def test_every_kind_of_issue_has_a_page_with_the_steps_of_each_reason(pages: dict[str, str]) -> None:
    assert len(ISSUES) > 15
    for issue in ISSUES:
        assert f"](../issues/{issue}.md)" in pages["reference/issues.md"]
        assert f"](../reference/tables.md#{ISSUES[issue].area}_issues)" in pages[f"issues/{issue}.md"]
    for (issue, reason), words in INSTRUCTIONS.items():
        page = pages[f"issues/{issue}.md"]
        assert words.means in page
        assert all(step in page for step in words.steps)
        assert reason is None or f"`{reason}`" in page


def test_every_variable_of_the_environment_is_described() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "cwa_pipeline").rglob("*.py"))
    variables = set(VARIABLE.findall(code))
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    assert {"CWA_USERNAME", "PCRT_DATABASE_URL", "WAREHOUSE_URL", "CWA_PIPELINE_CONFIG"} <= variables
    assert {variable for variable in variables if f"| `{variable}` |" not in page} == set()

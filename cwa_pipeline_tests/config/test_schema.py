"""The JSON Schema of the configuration that editors read: current, and in agreement with what the pipeline itself says of a file."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from cwa_pipeline.config.settings import Settings
from documentation.schema import FILE, as_text

EXAMPLE = Path(__file__).parents[2] / "cwa_pipeline.example.toml"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
MINIMAL = '[cwa]\nurl = "https://automate.example.com"\n'


def complaints(toml: str) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(tomllib.loads(toml))]


def keys(section: dict[str, Any]) -> list[dict[str, Any]]:
    """Every key and section below."""
    found = list(section.get("properties", {}).values())
    return [*found, *(below for each in found for below in keys(each))]


def test_the_committed_schema_is_that_of_the_settings() -> None:
    assert FILE.read_text(encoding="utf-8") == as_text(), "the settings changed; run: make schema"
    Draft7Validator.check_schema(SCHEMA)


def test_every_key_is_described() -> None:
    assert len(keys(SCHEMA)) > 30
    assert [key for key in keys(SCHEMA) if not key.get("description")] == []


def test_the_example_names_the_schema_and_fits_it_with_its_optional_keys_too() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"#:schema ./{FILE.name}"
    assert complaints(text) == []
    assert complaints(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)) == []


@pytest.mark.parametrize(
    "toml",
    [
        "",
        "[cwa]",
        MINIMAL + "plan = []",
        MINIMAL + "connections = 0",
        MINIMAL + "connections = 1000",
        MINIMAL + 'plans = "BizCare Plus"',
        MINIMAL + "[guards]\nmax_source_drop = 30",
        MINIMAL + '[sync]\nadditional_members = "all"',
        MINIMAL + "[sync]\ndry_run = 1",
        MINIMAL + '[pcrt.additional_members]\nformat = "xml"',
        MINIMAL + "[snyc]\n",
        MINIMAL + "[links]\npcid = 1",
    ],
)
def test_an_editor_marks_what_the_pipeline_refuses(toml: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Settings.model_validate(tomllib.loads(toml))
    assert complaints(toml) != []

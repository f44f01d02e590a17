"""The reference of `cwa_pipeline.toml`: every key with its type, its default and what it means, from the JSON Schema of the settings."""

import json
from typing import Any

from documentation.markdown import code, table
from documentation.schema import configuration_schema

HEAD = """# Configuration keys

`cwa_pipeline.toml` is looked for in the working folder, or where `CWA_PIPELINE_CONFIG` says. Every key but `[cwa] url` has the default
shown; leave out what you do not change. A missing, unknown or wrong key is one line that names it and the remedy, before anything is read.
Secrets and database URLs do not belong there: see [the environment](environment.md).

Editors that know JSON Schema (VS Code with Even Better TOML, anything with taplo) complete and check the file when its first line is
`#:schema ./cwa_pipeline.schema.json`, as in `cwa_pipeline.example.toml`, and that file lies beside it.
"""

TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def configuration_page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(name, section) for name, section in sections(configuration_schema(), ""))


def sections(schema: dict[str, Any], prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Every section of the file with its name, outer ones first."""
    found = []
    for key, value in schema["properties"].items():
        if value.get("type") == "object":
            found += [(prefix + key, value), *sections(value, f"{prefix}{key}.")]
    return found


def _section(name: str, section: dict[str, Any]) -> str:
    keys = {key: value for key, value in section["properties"].items() if value.get("type") != "object"}
    rows = (
        (code(key), _type(value), _default(key, value, section), value["description"]) for key, value in keys.items()
    )
    return f"\n## [{name}] {{ #{name.replace('.', '-')} }}\n\n{_sentence(section)}\n\n" + table(
        ("key", "type", "default", "what it is"), rows
    )


def _sentence(section: dict[str, Any]) -> str:
    """What the section is about: its description behind its name."""
    words: str = section["description"].split(": ", 1)[-1]
    return words[0].upper() + words[1:]


def _type(value: dict[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(code(json.dumps(one)) for one in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}s"
    low, high = value.get("minimum"), value.get("maximum")
    limits = f", {low} to {high}" if high is not None else f", at least {low}" if low is not None else ""
    return TYPES[value["type"]] + limits


def _default(key: str, value: dict[str, Any], section: dict[str, Any]) -> str:
    if key in section.get("required", []):
        return "none: it has to be set"
    return code(json.dumps(value["default"], ensure_ascii=False)) if "default" in value else "not set"

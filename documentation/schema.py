"""`cwa_pipeline.schema.json`: what an editor (taplo, VS Code with Even Better TOML) is told about `cwa_pipeline.toml`.

Made from the settings: `make schema` writes it anew, and a test holds that it is current. Draft 7, since that is what editors for TOML
know, and without references, so that every editor shows a key's description and default.
"""

import json
from pathlib import Path
from typing import Any

from cwa_pipeline.config.settings import Settings

FILE = Path(__file__).parents[1] / "cwa_pipeline.schema.json"
DIALECT = "http://json-schema.org/draft-07/schema#"


def configuration_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file."""
    schema = Settings.model_json_schema()
    plain = _plain(schema, schema.get("$defs", {}))
    return {
        "$schema": DIALECT,
        "title": "cwa_pipeline.toml",
        **plain,
        "description": "The configuration of cwa-pipeline",
    }


def as_text() -> str:
    """The file's text."""
    return json.dumps(configuration_schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(part: Any, definitions: dict[str, Any]) -> Any:
    """The same with its references put in, and without what only pydantic means: titles, null (TOML has none), path formats."""
    if isinstance(part, list):
        return [_plain(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _plain(definitions[part["$ref"].removeprefix("#/$defs/")], definitions)
    if "anyOf" in part:
        some = [one for one in part["anyOf"] if one != {"type": "null"}]
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        part = {**rest, **(some[0] if len(some) == 1 else {"anyOf": some})}
    return {
        key: {name: _plain(one, definitions) for name, one in value.items()}
        if key == "properties"
        else _plain(value, definitions)
        for key, value in part.items()
        if key not in {"title", "$defs"}
        and not (key == "default" and value is None)
        and (key, value) != ("format", "path")
    }


if __name__ == "__main__":
    FILE.write_text(as_text(), encoding="utf-8")
    print(FILE.name)

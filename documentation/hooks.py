"""What mkdocs calls: the pages that are made from the code join those that were written, and the navigation."""

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[1]))  # mkdocs runs a hook by its path, from whatever folder

from documentation.pages import generated_pages, issue_navigation


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give every kind of issue its place in the navigation."""
    navigation: list[dict[str, Any]] = config.nav or []
    next(section for section in navigation if "Resolve an issue" in section)["Resolve an issue"] = issue_navigation()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name, content in generated_pages().items():
        files.append(File.generated(config, name, content=content))
    return files

"""What `deploy/` ships, changed to run on this machine: commands and variables of the systemd units, and dagster.yaml."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Places:
    """Where on this machine is what the units look for in /etc, /var/lib and /opt."""

    folder: Path

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def dagster_home(self) -> Path:
        return self.folder / "var" / "dagster"

    @property
    def workspace(self) -> Path:
        return self.etc / "workspace.yaml"

    def credentials(self, site: str) -> Path:
        return self.etc / site / "credentials"

    def moved(self, text: str, site: str = "") -> str:
        """The text of a unit with this machine's places in it; `%d/cwa_` is how systemd names a file of LoadCredential=cwa:."""
        moves = {
            "%d/cwa_": f"{self.credentials(site)}/",
            "%i": site,
            "/etc/cwa-pipeline": str(self.etc),
            "/var/lib/cwa-pipeline": str(self.folder / "var"),
            "/opt/cwa-pipeline/bin": str(BIN),
        }
        for there, here in moves.items():
            text = text.replace(there, here)
        return text


def command(unit: str, places: Places, site: str = "", **variables: object) -> list[str]:
    """What the unit starts, with the variables that systemd would put in."""
    [line] = _lines(unit, "ExecStart")
    line = places.moved(line, site)
    for name, value in variables.items():
        assert f"${{{name}}}" in line, f"{unit} does not use {name}"
        line = line.replace(f"${{{name}}}", str(value))
    assert "$" not in line, f"{unit} needs more variables: {line}"
    return shlex.split(line)


def environment(unit: str, places: Places, site: str = "") -> dict[str, str]:
    """The variables that the unit sets by itself."""
    pairs = (places.moved(line, site).split("=", 1) for line in _lines(unit, "Environment"))
    return dict(pairs)  # type: ignore[arg-type]


def dagster_yaml(**sections: dict[str, Any]) -> str:
    """The shipped dagster.yaml with some keys of its sections changed, which all have to be there."""
    shipped = yaml.safe_load((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
    for section, changes in sections.items():
        assert changes.keys() <= shipped[section].keys(), f"deploy/dagster.yaml: {section} has no {sorted(changes)}"
        shipped[section] |= changes
    return yaml.safe_dump(shipped)


def _lines(unit: str, key: str) -> list[str]:
    text = (UNITS / f"{unit}.service").read_text(encoding="utf-8")
    return re.findall(rf"^{key}=(.+)$", text, re.MULTILINE)

"""systemd itself checks the units."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cwa_pipeline_tests.deploy.shipped import BIN, UNITS

ANALYZE = shutil.which("systemd-analyze")
MOST_EXPOSED = 25  # tenths, of systemd's own scale to 100: "OK"; a service without any protection has 96

pytestmark = pytest.mark.skipif(
    not ANALYZE, reason="systemd-analyze is not on this machine: tools/system-packages systemd"
)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units as installed with the programs of this environment, and the template for the site tampa."""
    made = []
    for unit in UNITS.glob("*.service"):
        text = unit.read_text(encoding="utf-8").replace("/opt/cwa-pipeline/bin", str(BIN))
        installed = tmp_path / unit.name.replace("@.", "@tampa.")
        installed.write_text(text, encoding="utf-8")
        made.append(installed)
    return made


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(ANALYZE), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    )


def test_systemd_finds_nothing_wrong_with_the_units(units: list[Path]) -> None:
    assert len(units) == 4
    verified = analyze("verify", "--man=no", *units)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_units_are_hardened(units: list[Path]) -> None:
    judged = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", *units)
    assert judged.returncode == 0, judged.stdout

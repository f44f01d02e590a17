"""The built package has everything the pipeline needs, and its version from git. `make package` runs the demo from it."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cwa_pipeline.commands.main import app

ROOT = Path(__file__).parents[1]
BESIDE_A_CONFIGURATION = {
    "cwa_pipeline.example.toml",
    "cwa_pipeline.schema.json",
    ".env.example",
    "dagster.yaml",
    "workspace.yaml",
}


def hatchling(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "hatchling", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources alone in a folder, as an unpacked archive of them has them: without git."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "README.md", "LICENSE", *BESIDE_A_CONFIGURATION):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "cwa_pipeline", folder / "cwa_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_wheel_has_every_file_of_the_package_and_the_files_beside_a_configuration(
    sources: Path, tmp_path: Path
) -> None:
    hatchling(sources, "build", "--target", "wheel", "--directory", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(sources).as_posix() for path in (sources / "cwa_pipeline").rglob("*") if path.is_file()}
    assert any(name.endswith("generic_serials.txt") for name in package)
    assert package <= names
    beside = {name.split("/share/cwa-pipeline/")[1] for name in names if "/share/cwa-pipeline/" in name}
    assert beside == BESIDE_A_CONFIGURATION
    assert not {name for name in names if name.startswith(("cwa_pipeline_tests", "benchmarks", "documentation"))}


def test_the_version_is_the_git_tag_and_sources_without_git_can_be_built(sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(sources, folder)
    assert hatchling(folder, "version") == "0.1.0.dev0"

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "--message", "first")
    assert re.fullmatch(r"0\.1\.0\.dev1\+g[0-9a-f]+", hatchling(folder, "version"))
    git("tag", "v1.2.3")
    assert hatchling(folder, "version") == "1.2.3"


def test_the_command_line_says_the_version_that_is_installed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{version('cwa-pipeline')}\n"

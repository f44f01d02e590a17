"""The command line in the tests' own process: importing Dagster again for each command would take most of a test's time."""

import contextlib
import logging
import os
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from typer.testing import CliRunner

from cwa_pipeline.commands.main import app


def cwa_pipeline(*arguments: str, folder: Path, **environment: str) -> CompletedProcess[str]:
    """Run a command in `folder`; the environment and the log handlers are as before when it returns."""
    with (
        contextlib.chdir(folder),
        patch.dict(os.environ, environment),
        patch.object(logging.getLogger("cwa_pipeline"), "handlers", []),
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

"""Which `cwa_pipeline` was measured: its commit, and a fingerprint of the files as they are.

What belongs here: telling one state of the package from another. What must not: a measure. Figures of two states in one table would be
compared as if they were one's; so each size is told the state it began and ended with.
"""

import hashlib
import subprocess
from pathlib import Path

import cwa_pipeline

PACKAGE = Path(cwa_pipeline.__file__).parent


def fingerprint() -> str:
    """Twelve digits that change with any file of the package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The commit that is checked out, and whether the package's files differ from it. Looks only; takes no lock of git's."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return f"{head}, changed since" if _git("status", "--porcelain", "--", ".") else head
    except (OSError, subprocess.CalledProcessError):
        return "not a checkout"


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(PACKAGE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own

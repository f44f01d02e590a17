"""Holds the licence of every dependency of a release against the list of those that we may ship.

Called with the Python of an environment that has the dependencies and nothing else (`make licences`); exit status 1 when one is not
allowed. What belongs here: the allowed licences and the decisions about single packages, with their reasons. What must not: reading
licences (pip-licenses).
"""

import json
import subprocess
import sys
from pathlib import Path

# As SPDX says them, or as a package's classifier does where it gives no SPDX expression. All permissive, but for MPL-2.0, which asks
# only that changes to its own files are given on; we change none.
ALLOWED = {
    "0BSD",
    "3-Clause BSD License",
    "Apache Software License",
    "Apache-2.0",
    "BSD",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "ISC License (ISCL)",
    "MIT",
    "MIT License",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
    "Python Software Foundation License",
    "Unlicense",
    "Zlib",
}

# Decided one by one: the package, the licence it was decided for, and why it may stay.
DECIDED = {
    "psycopg": (
        "LGPL-3.0-only",
        "a library that we import unchanged from its own wheel, which anybody can replace by another version",
    ),
    "psycopg-binary": ("LGPL-3.0-only", "the same, with its compiled part"),
}


def main(python: str) -> int:
    """Print every package that is not allowed, or how many there are; returns the exit status."""
    found = installed(python)
    wrong = [line for package in found if (line := problem(package["Name"], package["License"]))]
    print("\n".join(wrong) or f"{len(found)} dependencies, each with an allowed licence")
    for name, (licence, reason) in DECIDED.items():
        print(f"decided: {name} ({licence}): {reason}")
    return 1 if wrong else 0


def installed(python: str) -> list[dict[str, str]]:
    """Name, version and licence of each package in the environment of that Python."""
    command = [
        Path(sys.executable).with_name("pip-licenses"),
        "--python",
        python,
        "--from",
        "mixed",
        "--format",
        "json",
    ]
    packages: list[dict[str, str]] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return packages


def problem(name: str, licence: str) -> str | None:
    """The one line about a package whose licence is not allowed; None for one that may be shipped.

    One of several licences with OR between is enough; with AND or a semicolon each has to be allowed.
    """
    decided = DECIDED.get(name.lower())
    if decided is not None and licence in {decided[0], "GNU Lesser General Public License v3 (LGPLv3)"}:
        return None
    plain = licence.replace("(", "").replace(")", "") if " OR " in licence or " AND " in licence else licence
    if all(
        any(one.strip() in ALLOWED for one in each.split(" OR ")) for each in plain.replace(" AND ", ";").split(";")
    ):
        return None
    return (
        f"{name}: its licence is {licence}, which is not allowed; use another package, or write the decision into "
        f"tools/release/licences.py"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

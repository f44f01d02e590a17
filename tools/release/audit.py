"""Asks the database of known vulnerabilities about every locked dependency (`make audit`), by pip-audit.

Exit status 1 for findings only. Where the database cannot be reached that is said plainly, and is no failure: nothing was looked at then.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main(lock: str) -> int:
    """Print what is known about the packages of a lock file; returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "audit.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
        run = subprocess.run(
            [*command, "--timeout", "15", "--progress-spinner", "off", "--format", "json", "--output", answer],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if not answer.exists():
            return not_reached(run.stderr)
        return tell(json.loads(answer.read_text(encoding="utf-8"))["dependencies"])


def not_reached(said: str) -> int:
    """pip-audit gave no answer: it could not ask, or something else is wrong, which is passed on."""
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing was said")
    if any(
        word in said
        for word in (
            "ConnectionError",
            "Connection",
            "connect",
            "resolve",
            "timed out",
            "ServiceError",
            "not found on PyPI",
        )
    ):
        print(
            f"NOT AUDITED: the database of vulnerabilities cannot be reached from here, so nothing was looked at ({last[:200]})"
        )
        return 0
    print(f"pip-audit did not run: {last}", file=sys.stderr)
    return 2


def tell(dependencies: list[dict[str, object]]) -> int:
    """One line for each finding with the version that mends it, else how many were asked about."""
    findings = [
        f"{each['name']} {each['version']}: {found['id']}; mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in dependencies
        for found in each.get("vulns", [])  # type: ignore[attr-defined]
    ]
    asked = [each for each in dependencies if "skip_reason" not in each]
    if dependencies and not asked:
        return not_reached(str(dependencies[0]["skip_reason"]))
    passed_over = [
        f"{each['name']}: not looked at, {each['skip_reason']}" for each in dependencies if "skip_reason" in each
    ]
    print("\n".join([*findings, *passed_over]) or f"{len(asked)} dependencies, no known vulnerability")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""The tools that check a release: which licences may be shipped, and what an audit that could not run says."""

import pytest

from tools.release import audit
from tools.release.licences import problem


@pytest.mark.parametrize(
    "licence",
    ["MIT", "BSD License; Apache Software License", "GPL-3.0-only OR MIT", "BSD-3-Clause AND (0BSD OR GPL-2.0)"],
)
def test_a_licence_is_allowed_when_each_part_has_an_allowed_choice(licence: str) -> None:
    assert problem("some-package", licence) is None


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "MIT; GPL-2.0", "MIT AND AGPL-3.0", "LGPL-3.0-only", "UNKNOWN", ""]
)
def test_any_other_licence_is_one_line_with_the_package_and_the_remedy(licence: str) -> None:
    line = problem("some-package", licence)
    assert line is not None
    assert "some-package" in line
    assert "write the decision" in line


def test_a_decision_is_for_one_licence_of_a_package() -> None:
    assert problem("psycopg", "LGPL-3.0-only") is None
    assert problem("psycopg", "GNU Lesser General Public License v3 (LGPLv3)") is None
    assert problem("psycopg", "GPL-3.0-only") is not None


def test_an_audit_fails_for_findings_only(capsys: pytest.CaptureFixture[str]) -> None:
    sound = {"name": "sound", "version": "1", "vulns": []}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
    assert audit.tell([sound, bad]) == 1
    assert capsys.readouterr().out == "bad 2: PYSEC-1; mended in 3\n"
    assert audit.tell([sound]) == 0
    assert capsys.readouterr().out == "1 dependencies, no known vulnerability\n"


def test_an_audit_that_could_not_ask_says_that_nothing_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.tell([{"name": "a", "version": "1", "skip_reason": "Dependency not found on PyPI"}]) == 0
    assert capsys.readouterr().out.startswith("NOT AUDITED")
    assert audit.not_reached("ServiceError: Failed to connect\n") == 0
    assert capsys.readouterr().out.startswith("NOT AUDITED")
    assert audit.not_reached("usage: pip-audit\nno such option\n") == 2

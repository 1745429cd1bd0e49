from __future__ import annotations

import re
from pathlib import Path

from sync.checks.codes import CODES, WARNINGS, markdown

TOP = Path(__file__).parents[3]

PATTERN = r"(?:Finding|_unusable|_report)\((?:file, |\s)*\"([A-Z_]+)\""


def test_page_is_current() -> None:
    command = "python -c \"from sync.checks.codes import markdown; print(markdown(), end='')\" > docs/checks.md"
    assert (TOP / "docs" / "checks.md").read_text() == markdown(), f"run: {command}"


def test_every_code_that_is_reported_is_listed() -> None:
    reported = set()
    modules = [TOP / "schema" / f"{name}.py" for name in ("places", "catalogue", "faults")]
    for path in [*modules, *(TOP / "sync/checks").glob("*.py")]:
        reported |= set(re.findall(PATTERN, path.read_text()))
    assert len(reported) > 35
    assert reported <= set(CODES)


def test_warnings_are_those_of_that_severity() -> None:
    assert set(WARNINGS) == {code for code, told in CODES.items() if told.severity == "warning"}
    assert "TENFOLD_CHANGE" in WARNINGS
    assert "NO_MARGIN" not in WARNINGS

"""Fixtures of the commands: run in this process on a database with the small rate card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.command import main
from tests.databases import Fill
from tests.metering.rate_card import apply_card

Told = Callable[..., tuple[int, str, str]]
Ask = Callable[..., Any]


@pytest.fixture
def fill(request: pytest.FixtureRequest) -> Fill | None:
    """The small rate card, for tests of `told`."""
    return apply_card if "told" in request.fixturenames else None


@pytest.fixture
def told(
    migrated_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Told:
    """`told(*words)`: run a command on a database with the small rate card; exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATECARD_DATABASE_URL", migrated_url)

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def ask(told: Told) -> Ask:
    """`ask(*words)`: the JSON that a command prints, which succeeds without a word on stderr."""

    def run(*words: str) -> Any:
        code, out, err = told(*words, "--format", "json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert found.pop("format_version") == 1
        return found

    return run

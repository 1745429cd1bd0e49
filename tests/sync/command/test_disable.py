from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]
MakeRepository = Callable[..., Path]


def test_from_switching_off_to_drift_and_back(
    run_ratecard: Run, make_repository: MakeRepository, database_url: str
) -> None:
    top = make_repository(SMALL_CONFIG)

    def ratecard(*words: str) -> CompletedProcess[str]:
        return run_ratecard(*words, "--database", database_url, cwd=top)

    missing = ratecard("disable", "model", "openai/gpt-4o", "--reason", "outage")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "run `ratecard apply` first" in missing.stderr
    assert ratecard("apply", "--yes").returncode == 0

    off = ratecard("disable", "model", "openai/gpt-4o", "--reason", "outage", "--format", "json")
    assert (off.returncode, off.stderr) == (0, "")
    told = json.loads(off.stdout)
    assert (told["format_version"], told["key"], told["active"], told["changed"]) == (
        1,
        "model openai/gpt-4o",
        False,
        True,
    )
    assert (told["by"], told["reason"], told["release"]) == ("Price Desk <prices@example.com>", "outage", 1)
    assert told["routes"] == [
        {"key": "route anthropic/chat_response", "weight": None, "fallback": True},
        {"key": "route openai/_default", "weight": 100, "fallback": False},
    ]
    again = ratecard("disable", "model", "openai/gpt-4o", "--reason", "again")
    assert (again.returncode, again.stdout) == (0, "model openai/gpt-4o is inactive already: nothing was written\n")

    drift = ratecard("drift")
    assert drift.returncode == 2
    assert "outage  by Price Desk <prices@example.com> at " in drift.stdout

    undone = ratecard("disable", "model", "openai/gpt-4o", "--undo", "--reason", "over", "--by", "On Call")
    assert undone.returncode == 0
    assert "is active now, past release 1, by On Call at " in undone.stdout
    assert ratecard("drift").returncode == 0


def test_slips_are_one_line(run_ratecard: Run, make_repository: MakeRepository) -> None:
    top = make_repository(SMALL_CONFIG)
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    unknown = run_ratecard("disable", "model", "openai/gpt-4", "--reason", "x", cwd=top)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "ratecard: there is no model 'openai/gpt-4'; did you mean 'openai/gpt-4o'?\n"
    for reason in ("", " ", "two\nlines", "\x1b[2J"):
        wrong = run_ratecard("disable", "model", "openai/gpt-4o", "--reason", reason, cwd=top)
        assert (wrong.returncode, wrong.stdout) == (64, "")
        assert wrong.stderr == "ratecard: --reason must say something, in one line of printable text\n"
    assert run_ratecard("disable", "model", "openai/gpt-4o", cwd=top).returncode == 64

from __future__ import annotations

from pathlib import Path

import pytest

from sync.command import COMMANDS, build_parser, main
from tests.conftest import MakeRepository, RunRatecard


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in printed] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(name: str) -> None:
    told = build_parser(name).format_help()
    assert told.startswith(f"usage: ratecard {name}")
    assert len(told.splitlines()) > 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plann"], "ratecard: 'plann' is not a command; did you mean 'plan'?\n"),
        (["plan", "--frob"], "ratecard plan: unrecognized arguments: --frob (see `ratecard plan --help`)\n"),
        (
            ["plan", "--form", "json"],
            "ratecard plan: unrecognized arguments: --form json (see `ratecard plan --help`)\n",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_64(
    words: list[str], message: str, tmp_path: Path, run_ratecard: RunRatecard
) -> None:
    ran = run_ratecard(*words, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (64, "", message)


def test_a_terminal_without_unicode_gets_escapes(
    tmp_path: Path, make_repository: MakeRepository, run_ratecard: RunRatecard
) -> None:
    told = run_ratecard("--help", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert told.returncode == 0
    assert told.stdout.startswith("usage: ratecard COMMAND [OPTION \\u2026]\n")
    files = {"registry.yaml": "provider: café\nmodels: {}\n"}
    refused = run_ratecard("validate", cwd=make_repository(files), env={"PYTHONIOENCODING": "ascii"})
    assert refused.returncode == 1
    assert "'caf\\xe9'" in refused.stdout

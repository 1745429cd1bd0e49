"""Every command in docs/operations.md is one that the command line understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sync.command import COMMANDS, build_parser

TEXT = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
COMMAND_LINES = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_each_line_is_understood(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert (program, name in COMMANDS) == ("ratecard", True)
    assert build_parser(name).parse_args(words).run


def test_the_page_is_about_these_commands() -> None:
    assert {shlex.split(line)[1] for line in COMMAND_LINES} == {"explain", "releases", "disable", "doctor"}

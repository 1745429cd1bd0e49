"""Every command in the pages about re-rating, reconciling and staying up is one that the command line understands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from metering.book.standing import Status
from metering.reconciling.comparing import CODES
from metering.reconciling.shapes import SHAPES
from sync.command import COMMANDS, build_parser

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("rerate", "reconcile", "staying-up")}
BLOCKS = [(name, block) for name, text in PAGES.items() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
LINES = [(name, line) for name, block in BLOCKS for line in block.splitlines() if line.startswith("ratecard ")]


@pytest.mark.parametrize(("page", "line"), LINES, ids=str)
def test_each_line_is_understood(page: str, line: str) -> None:
    program, name, *words = shlex.split(os.path.expandvars(line))
    assert (program, name in COMMANDS) == ("ratecard", True)
    if "$" not in line:
        assert build_parser(name).parse_args(words).run


def test_each_page_shows_its_command() -> None:
    shown = {(page, shlex.split(line)[1]) for page, line in LINES}
    assert shown == {("rerate", "rerate"), ("reconcile", "reconcile"), ("staying-up", "route"), ("staying-up", "meter")}


def test_the_scheduled_script_is_one_that_a_shell_reads() -> None:
    (script,) = [block for _, block in BLOCKS if block.startswith("#!")]
    assert subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""


def test_the_tables_tell_every_code_shape_and_field() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", PAGES["reconcile"], re.MULTILINE) == list(CODES)
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGES["reconcile"], re.MULTILINE) == list(SHAPES)
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", PAGES["staying-up"].partition("## Seeing it")[2], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)] == list(Status.__slots__)

"""The command line within the test's own process: what a test of words and numbers needs, at a tenth of the time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import StringIO

import pytest

from sync.command import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(*words)`, as `run_ratecard` but in this process: in its folder, with its environment and no terminal."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        stdin, sys.stdin = sys.stdin, StringIO()
        try:
            code = main(words)
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            sys.stdin = stdin
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, printed.out, printed.err)

    return run

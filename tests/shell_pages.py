"""Pages whose commands are run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.conftest import SHARED_FOLDER

TOP = Path(__file__).parents[1]


def blocks(text: str, language: str = "sh") -> list[str]:
    """The code blocks of a page that are of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run_block(command: str, folder: Path) -> tuple[str, str]:
    """What a block prints on stdout and stderr; fails when any of its commands does."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout, ran.stderr


def run_shell(command: str, folder: Path) -> str:
    """What a block prints on stdout."""
    return run_block(command, folder)[0]


def make_demo(folder: Path) -> Path:
    """A repository with the shipped configuration on `main`, and the demo in its embedded database.

    It is a copy of one that the workers share: whoever needs it first makes it.
    """
    shared = Path(os.environ[SHARED_FOLDER])
    made = shared / "demo"
    with (shared / "demo.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not made.exists():
            _fill(shared / "unfinished")
            (shared / "unfinished").rename(made)
    return Path(shutil.copytree(made, folder / "ratecard"))


def _fill(repository: Path) -> None:
    shutil.rmtree(repository, ignore_errors=True)
    shutil.copytree(TOP / "config", repository / "config")
    identity = "git config user.name 'Price Desk' && git config user.email prices@example.com"
    run_shell(f"git init -q -b main && {identity} && git add -A && git commit -qm Begin", repository)
    run_shell("ratecard demo --no-serve", repository)

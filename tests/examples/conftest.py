"""Examples as tests see them: applied by the real command, once a module and database, and their day, run once.

A module names its example in `EXAMPLE`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.meter import Meter
from tests.conftest import git
from tests.databases import Databases
from tests.examples.businesses import EXAMPLES, Business, Day
from tests.ready_command import ReadyCommand

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def environment(ready: ReadyCommand) -> dict[str, str]:
    """The environment without what the person's own git or Ratecard settings would change."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RATECARD_"))}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join([str(ready.folder), str(BIN), kept["PATH"]]),
    }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def business(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Business]:
    """The module's example in a repository of its own, applied to a new database."""
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    name: str = request.module.EXAMPLE
    top = tmp_path_factory.mktemp(name)
    shutil.copytree(EXAMPLES / name / "config", top / "config")
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "config", "user.name", "Price Desk")
    git(top, "config", "user.email", "prices@example.com")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message=Begin")
    url = databases.fresh(tmp_path_factory.mktemp("database"), migrated=False)
    made = Business(top, url, environment)
    made.ratecard("apply", "--yes", "--label", "opening")
    yield made
    databases.drop(url)


@pytest.fixture(scope="module")
def meter(business: Business) -> Iterator[Meter]:
    """A meter on the example's database, by the real clock."""
    with Meter.open(business.url) as meter:
        yield meter


@pytest.fixture(scope="module")
def day(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Day:
    """The example's day, run as its README says."""
    folder = tmp_path_factory.mktemp("day")
    script = EXAMPLES / request.module.EXAMPLE / "day.sh"
    done = subprocess.run(
        [script, folder],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    # No error and no warning: either would be counted on that line.
    assert re.search(r"^\d+ files with .*: fine$", done.stdout, re.MULTILINE), done.stdout
    return Day(folder, f"sqlite:///{folder}/ratecard.db", environment, done.stdout)

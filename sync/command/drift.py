"""Compare last release, git and database: exit 0 when they agree, 2 when they do not, 1 on errors."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

from sync.command import add_common

EXIT_DRIFT = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--ref", default="HEAD", help="the commit, branch or tag to compare with (default: HEAD)")


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    from sync.context import database_url, environment_admins, opened
    from sync.planning import drift_database
    from sync.render.drift_text import drift_lines
    from sync.render.style import Style
    from sync.repository import Repository
    from sync.target import load_target

    now = datetime.now(UTC)
    repository = Repository.open()
    target = load_target(repository, arguments.ref, arguments.config, now=now, environment_admins=environment_admins())
    with opened(database_url(arguments, repository)) as engine:
        drift = drift_database(engine, target)
    if arguments.format == "json":
        print(json.dumps(drift.as_json(), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in drift_lines(drift, Style.of_terminal()))
    return EXIT_DRIFT if drift.found else 0

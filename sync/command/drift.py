"""Compare last release, git and database: exit 0 when they agree, 2 when they do not, 1 on errors.

With --propose, what was edited in the database becomes a commit on a new branch, as `ratecard propose` writes one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime

from sync.command import add_common

EXIT_DRIFT = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--ref", help="the commit, branch or tag to compare with (default: HEAD)")
    parser.add_argument("--propose", action="store_true", help="propose what was edited in the database")
    parser.add_argument("--title", metavar="TITLE", help="the title of the proposal")
    parser.add_argument(
        "--base", metavar="BRANCH", help="where the proposal starts (default: the policy's base branch, else main)"
    )
    parser.add_argument("--push", action="store_true", help="push the proposal and open its pull request")


def run(arguments: argparse.Namespace) -> int:
    """Compare and print, or propose."""
    if arguments.propose:
        return _propose(arguments)
    from sync.context import database_url, environment_admins, opened
    from sync.errors import UsageError
    from sync.planning import drift_database
    from sync.render.drift_text import drift_lines
    from sync.render.style import Style
    from sync.repository import Repository
    from sync.target import load_target

    if arguments.title or arguments.base or arguments.push:
        raise UsageError("--title, --base and --push go with --propose")
    now = datetime.now(UTC)
    repository = Repository.open()
    target = load_target(
        repository, arguments.ref or "HEAD", arguments.config, now=now, environment_admins=environment_admins()
    )
    with opened(database_url(arguments, repository)) as engine:
        drift = drift_database(engine, target)
    if arguments.format == "json":
        print(json.dumps(drift.as_json(), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in drift_lines(drift, Style.of_terminal()))
    return EXIT_DRIFT if drift.found else 0


def _propose(arguments: argparse.Namespace) -> int:
    from sync.command.propose import print_proposal
    from sync.context import database_url, environment_admins, opened
    from sync.errors import UsageError
    from sync.exporting import propose_edits
    from sync.repository import Repository

    if arguments.ref:
        raise UsageError("a proposal starts from a branch: name it with --base, not with --ref")
    repository = Repository.open()
    with opened(database_url(arguments, repository)) as engine:
        written = propose_edits(
            repository,
            engine,
            author=repository.identity(),
            now=datetime.now(UTC),
            title=arguments.title,
            base=arguments.base,
            folder=arguments.config,
            push=arguments.push,
            environment_admins=environment_admins(),
            environment=os.environ,
        )
    print_proposal(written, arguments.format, pushed=arguments.push)
    return 0

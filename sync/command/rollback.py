"""Write the proposal that brings the configuration back to what a release said: a new commit, history stays."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from sync.command import add_common
from sync.command.propose import print_proposal

_EPILOG = """\
RELEASE is the one to go back to: to undo release 12, name 11. Prices in effect stay, because calls may have been billed
by them: where another price was in force then, it is appended again, from today on. Prices that are only scheduled go.
Merge the proposal and apply it as any other.

example:
  ratecard rollback 11 --push
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("release", metavar="RELEASE", help="the number or the label of a release (`ratecard releases`)")
    parser.add_argument("--title", metavar="TITLE", help="the title of the commit (default: Roll back to release N)")
    parser.add_argument(
        "--base", metavar="BRANCH", help="where to start (default: the policy's base branch, else main)"
    )
    parser.add_argument("--push", action="store_true", help="push the branch and open the pull request")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Propose the way back."""
    from sync.context import database_url, environment_admins, opened
    from sync.repository import Repository
    from sync.rollback import rollback

    repository = Repository.open()
    with opened(database_url(arguments, repository)) as engine:
        written = rollback(
            repository,
            engine,
            arguments.release,
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

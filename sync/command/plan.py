"""Show what an apply would change: the config of a commit against the database, which is only read."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

from sync.command import add_common

EXIT_CHANGES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, "markdown")
    parser.add_argument("--ref", default="HEAD", help="the commit, branch or tag to plan (default: HEAD)")
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 0 without changes, 2 with changes, 1 on errors"
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan and print."""
    from sync.context import database_url, environment_admins, opened
    from sync.planning import plan_database
    from sync.render.plan_markdown import plan_markdown
    from sync.render.plan_text import plan_lines
    from sync.render.style import Style
    from sync.repository import Repository
    from sync.target import load_target

    now = datetime.now(UTC)
    repository = Repository.open()
    target = load_target(repository, arguments.ref, arguments.config, now=now, environment_admins=environment_admins())
    with opened(database_url(arguments, repository)) as engine:
        plan = plan_database(engine, target, now=now)
    if arguments.format == "json":
        print(json.dumps(plan.as_json(), indent=2))
    elif arguments.format == "markdown":
        print(plan_markdown(plan), end="")
    else:
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(plan, Style.of_terminal()))
    return EXIT_CHANGES if arguments.detailed_exitcode and plan.changes else 0

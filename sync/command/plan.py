"""Show what an apply would change, and what that moves in money. The database is only read.

The usage of the last days is re-priced under the plan: as if it all happened now, and as if it happened when each dated
price begins.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sync.plan import Plan, Target
    from sync.repository import Repository

EXIT_CHANGES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, "markdown")
    parser.add_argument("--ref", default="HEAD", help="the commit, branch or tag to plan (default: HEAD)")
    parser.add_argument("--impact-days", metavar="N", type=int, help="of how many days usage is re-priced (default 30)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also freeze the plan in a file for `apply --plan`")
    parser.add_argument(
        "--snapshot", metavar="FILE", type=Path, help="plan against a file of `ratecard snapshot`, without a database"
    )
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 0 without changes, 2 with changes, 1 on errors"
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan and print."""
    from sync.context import environment_admins
    from sync.render.plan_markdown import plan_markdown
    from sync.render.plan_text import plan_lines
    from sync.render.style import Style
    from sync.repository import Repository
    from sync.target import load_target

    _check(arguments)
    now = datetime.now(UTC)
    repository = Repository.open()
    target = load_target(repository, arguments.ref, arguments.config, now=now, environment_admins=environment_admins())
    plan = _plan(arguments, repository, target, now)
    if arguments.out is not None:
        from sync.plan_file import write_plan

        write_plan(arguments.out, plan, now)
    if arguments.format == "json":
        print(json.dumps(plan.as_json(), indent=2))
    elif arguments.format == "markdown":
        print(plan_markdown(plan), end="")
    else:
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(plan, Style.of_terminal()))
    return EXIT_CHANGES if arguments.detailed_exitcode and plan.writes else 0


def _check(arguments: argparse.Namespace) -> None:
    from sync.errors import UsageError

    if arguments.impact_days is not None and not 1 <= arguments.impact_days <= MOST_DAYS:
        raise UsageError(f"--impact-days must be between 1 and {MOST_DAYS:,}")
    if arguments.snapshot is not None and arguments.out is not None:
        raise UsageError("--out freezes a plan for a database; a plan against a --snapshot cannot be applied")
    if arguments.snapshot is not None and arguments.impact_days is not None:
        raise UsageError("a snapshot holds the days that it was exported with: leave out --impact-days")


MOST_DAYS = 3_660


def _plan(arguments: argparse.Namespace, repository: Repository, target: Target, now: datetime) -> Plan:
    if arguments.snapshot is not None:
        from sync.snapshots import plan_snapshot, read_snapshot

        return plan_snapshot(read_snapshot(arguments.snapshot), target, now=now)
    from sync.context import database_url, opened
    from sync.impact import DEFAULT_DAYS
    from sync.planning import plan_database

    with opened(database_url(arguments, repository)) as engine:
        return plan_database(engine, target, now=now, days=arguments.impact_days or DEFAULT_DAYS)

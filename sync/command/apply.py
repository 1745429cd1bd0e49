"""Bring the database to a commit: one transaction, all or nothing, written down as a release."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sync.plan import Plan
    from sync.repository import Repository


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--ref", default="HEAD", help="the commit, branch or tag to apply (default: HEAD)")
    parser.add_argument("--plan", metavar="FILE", type=Path, help="apply this plan of `plan --out` and no other")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--label", help="a name for the release (default: the tag at the commit)")
    parser.add_argument(
        "--reprice", action="store_true", help="allow prices that are in effect to change, from their date on"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="allow overwriting edits of the database, emptying a kind, and crossing a guardrail",
    )
    parser.add_argument("--rollback", action="store_true", help="allow a commit that does not follow the last release")
    parser.add_argument(
        "--allow-dirty", action="store_true", help="apply the commit although the config has uncommitted changes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Plan, ask, apply, print."""
    from schema.findings import printable
    from sync.apply import apply_plan, guard, prepare
    from sync.context import database_url, environment_admins, opened
    from sync.plan_file import check_plan, read_plan
    from sync.planning import plan_database
    from sync.repository import Repository
    from sync.target import load_target

    now = datetime.now(UTC)
    repository = Repository.open()
    if not arguments.allow_dirty:
        _refuse_dirty(repository, arguments.config)
    target = load_target(repository, arguments.ref, arguments.config, now=now, environment_admins=environment_admins())
    frozen = None if arguments.plan is None else read_plan(arguments.plan)
    url = database_url(arguments, repository)
    with opened(url) as engine:
        plan = plan_database(engine, target, now=now)
    if frozen is not None:
        check_plan(arguments.plan, frozen, plan)
    allowed = [f"--{name}" for name in ("reprice", "force", "rollback") if getattr(arguments, name)]
    guard(plan, allowed)
    if plan.writes and not arguments.yes:
        _ask(plan)
    with opened(url, create=True) as engine:
        prepare(engine)
        label = arguments.label or repository.tag_at(target.commit.sha)
        result = apply_plan(
            engine, plan, target, now=datetime.now(UTC), applied_by=_who(repository), label=label, allowed=allowed
        )
    if arguments.format == "json":
        print(json.dumps(result.as_json(), indent=2))
    elif not result.changed:
        print(f"no changes: the database is at release {result.release}, and commit {result.commit[:12]} says the same")
    else:
        counts = ", ".join(f"{count:,} {action}d" for action, count in result.summary.items())
        label = f" ({printable(result.label)})" if result.label else ""
        print(f"release {result.release}{label}: commit {result.commit[:12]}, {counts}")
    return 0


def _refuse_dirty(repository: Repository, folder: str) -> None:
    from schema.findings import printable
    from sync.errors import RefusedError

    dirty = repository.dirty(folder)
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        raise RefusedError(
            "DIRTY_CONFIG",
            f"{printable(dirty[0])}{more} has changes that are not committed; commit them, or apply the commit without"
            " them by --allow-dirty [DIRTY_CONFIG]",
        )


def _ask(plan: Plan) -> None:
    from sync.errors import RefusedError
    from sync.render.plan_text import plan_lines
    from sync.render.style import Style

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError("NOT_CONFIRMED", "nobody can be asked here; look at `ratecard plan` and apply with --yes")
    style = Style(sys.stderr.isatty())
    sys.stderr.writelines(f"{line}\n" for line in plan_lines(plan, style))
    print("apply this? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("NOT_CONFIRMED", "nothing was applied")


def _who(repository: Repository) -> str:
    import getpass
    import socket

    return str(repository.identity() or f"{getpass.getuser()}@{socket.gethostname()}")

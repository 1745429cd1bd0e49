"""Fill a database with real data and open the dashboard.

Applies the config of the git repository, records two real traces of LLM calls (Azure, 2023), spread by a fixed rule
over the customers of a small product and the 90 days that end today, and serves the dashboard. Again, it adds nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from sync.demo.story import Say
    from sync.plan import Target
    from sync.repository import Repository


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--no-serve", action="store_true", help="do all but start the dashboard")
    parser.add_argument("--port", type=int, default=8501, help="of the dashboard (default: 8501)")


def run(arguments: argparse.Namespace) -> int:
    """Write the demo, sum it up, serve it."""
    from metering.analytics import Period, totals
    from schema.database import reading, shown_url
    from schema.money import usd_text
    from sync.context import database_url, opened
    from sync.demo.story import write_demo
    from sync.progress import Progress
    from sync.repository import Repository
    from sync.serving import LOOPBACK, address_text, check_port, serve

    if not arguments.no_serve:
        check_port(arguments.port, LOOPBACK[0])
    now = datetime.now(UTC).replace(microsecond=0)
    repository = Repository.open()
    url = database_url(arguments, repository)
    say = _say if arguments.format == "text" else _keep_quiet
    say(f"database {shown_url(url)}")
    target = _target(url, repository, arguments.config, now, say)
    with opened(url, create=True) as engine:
        if target is not None:
            _apply(engine, target, repository, now, say)
        with Progress("calls", sys.stderr) as progress:
            written = write_demo(engine, url, now=now, say=say, progress=progress)
        with reading(engine) as connection:
            total = totals(connection, Period(), today=now.date())
    if arguments.format == "json":
        facts = {
            "format_version": 1,
            "added": written.added,
            "anchor": written.anchor.isoformat(),
            "accounts": written.accounts,
            "calls": written.calls,
            "cost_usd": usd_text(total.cost_nanos),
            "revenue_usd": usd_text(total.revenue_nanos),
        }
        print(json.dumps(facts, indent=2))
    else:
        state = "" if written.added else " were already there: nothing was added"
        say(
            f"{written.calls:,} calls of {written.accounts} accounts over the 90 days to {written.anchor.date()}{state}"
        )
    if arguments.no_serve:
        return 0
    say(f"dashboard: {address_text(arguments.port, LOOPBACK[0])} (Ctrl-C ends it)")
    return serve(url, arguments.port)


def _target(url: str, repository: Repository, folder: str, now: datetime, say: Say) -> Target | None:
    """What to apply: HEAD, or nothing to a database that has a release. Nothing is made or written."""
    from sync.context import environment_admins, opened
    from sync.planning import releases_of
    from sync.target import load_target

    with opened(url) as engine:
        found = releases_of(engine, limit=1)
    if found:
        say(f"config: release {found[0].id} of commit {found[0].commit[:12]} stays in force")
        return None
    target = load_target(repository, "HEAD", folder, now=now, environment_admins=environment_admins())
    if repository.dirty(folder):
        say(f"config: changes in {folder} that are not committed are left out")
    return target


def _apply(engine: Engine, target: Target, repository: Repository, now: datetime, say: Say) -> None:
    from sync.apply import apply_plan, prepare
    from sync.planning import plan_database

    prepare(engine)
    plan = plan_database(engine, target, now=now)
    who = str(repository.identity() or "ratecard demo")
    label = repository.tag_at(target.commit.sha)
    result = apply_plan(engine, plan, target, now=now, applied_by=who, label=label)
    say(f"config: release {result.release} of commit {result.commit[:12]}, {result.summary['create']:,} entries")


def _say(line: str) -> None:
    print(line, flush=True)


def _keep_quiet(line: str) -> None:
    return

"""Export what a plan needs of a database into a file without names, for those who may not see the database.

The file holds the current configuration and the usage of the last days, summed up by numbered accounts.
`ratecard plan --snapshot FILE` plans against it.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from sync.command.plan import MOST_DAYS

DAYS = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="where to write it")
    parser.add_argument(
        "--impact-days", metavar="N", type=int, default=DAYS, help=f"of how many days usage is kept (default {DAYS})"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get("RATECARD_DATABASE_URL"),
        help="SQLite or PostgreSQL (default: RATECARD_DATABASE_URL, else .ratecard/ratecard.db at the git top)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export and say where."""
    from sync.context import database_url, opened
    from sync.errors import PlanError, UsageError
    from sync.snapshots import snapshot_database

    if not 1 <= arguments.impact_days <= MOST_DAYS:
        raise UsageError(f"--impact-days must be between 1 and {MOST_DAYS:,}")
    with opened(database_url(arguments, None)) as engine:
        snapshot = snapshot_database(engine, now=datetime.now(UTC), days=arguments.impact_days)
    try:
        arguments.file.write_text(json.dumps(snapshot, separators=(",", ":")) + "\n", encoding="utf-8")
    except OSError as error:
        raise PlanError(f"the snapshot cannot be written to {arguments.file}: {error.strerror}") from None
    release = snapshot["release"]
    what = f"release {release['id']}" if release else "a database without a release"
    print(f"{arguments.file}: {what}, {len(snapshot['recorded']):,} sums of {arguments.impact_days} days of usage")
    return 0

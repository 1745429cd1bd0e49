"""Price events of the past anew by the newest release: shows what changes, then writes it, once.

Nothing that was recorded is edited: each changed event gets an adjustment and postings that burn or give back credit.
Events that no price covered are billed. A second run writes nothing; an interrupted one is completed by another.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from metering.rerating import Survey


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from sync.days import read_day

    parser.add_argument("--from", dest="start", type=read_day, required=True, metavar="DATE", help="the first UTC day")
    parser.add_argument("--to", dest="end", type=read_day, metavar="DATE", help="the UTC day after the last one")
    parser.add_argument("--model", metavar="M", help="only calls of this model: PROVIDER/MODEL, or an alias")
    parser.add_argument("--account", metavar="A", help="only calls of this account")
    parser.add_argument("--only-unpriced", action="store_true", help="only calls that no price covered")
    parser.add_argument(
        "--undated-now",
        action="store_true",
        help="take features, run units, reasoning levels, tasks and credit weights of the newest release, too"
        " (default: those of the release at which a call was recorded)",
    )
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--dry-run", action="store_true", help="show what changes and write nothing")
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Survey, show, ask, write."""
    from metering.meter import Meter
    from metering.rerating import Scope
    from sync.context import acting_person, database_url
    from sync.errors import UsageError
    from sync.progress import Progress
    from sync.render.rerate_text import survey_json, survey_lines, written_line
    from sync.render.style import Style

    if arguments.end is not None and arguments.start > arguments.end:
        raise UsageError(f"--from {arguments.start} is after --to {arguments.end}")
    if arguments.dry_run and arguments.yes:
        raise UsageError("--dry-run writes nothing, --yes writes: leave one of them out")
    scope = Scope(
        arguments.start,
        arguments.end,
        arguments.model,
        arguments.account,
        only_unpriced=arguments.only_unpriced,
        undated_now=arguments.undated_now,
    )
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        with Progress("survey", sys.stderr) as progress:
            found = meter.rerating.survey(scope, progress)
        if arguments.format == "text":
            sys.stdout.writelines(f"{line}\n" for line in survey_lines(found, Style.of_terminal()))
            sys.stdout.flush()
        written = None
        if found.writes and not arguments.dry_run:
            if not arguments.yes:
                _ask(found)
            with Progress("re-rating", sys.stderr) as progress:
                written = meter.rerating.write(found, by=arguments.by or acting_person(), progress=progress)
    if arguments.format == "json":
        print(json.dumps(survey_json(found, written), indent=2))
    elif written is not None:
        print(written_line(written))
    return 0


def _ask(found: Survey) -> None:
    from sync.errors import RefusedError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError(
            "NOT_CONFIRMED",
            "nobody can be asked here, and nothing was written; look at it by --dry-run, write by --yes",
        )
    print(f"write {found.writes:,} adjustments? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("NOT_CONFIRMED", "nothing was written")

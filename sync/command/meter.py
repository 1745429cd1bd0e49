"""Import usage, or record the calls that a spool kept while the database was away.

`import FILE` reads CSV or JSONL, with one column for each unit; columns are event_id, occurred_at, account, user,
provider, model, task, feature, tool, tier, reasoning_level, cpu_seconds, gpu_seconds, latency_ms, metadata, and the
units. A row that names a feature or a tool may leave the model out. Rows that cannot be recorded go to FILE.rejects.csv
with the reason. The same file again adds nothing. `drain` does what servers do by themselves, and lists what was
refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from metering.importing import ImportReport

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("import", help="record the calls in a file")
    one.add_argument("file", metavar="FILE", help="events as CSV or JSONL")
    one.add_argument(
        "--input-format", choices=("csv", "jsonl"), help="how the file is written (default: by its name's end)"
    )
    one.add_argument(
        "--keep-unpriced",
        action="store_true",
        help="record calls of models without a price, charged nothing until one lands (default: reject them)",
    )
    add_common(one)
    one = actions.add_parser("drain", help="record the calls that wait in a spool, also of programs that are no more")
    one.add_argument("--spool", metavar="DIR", help="the folder (default: the variable RATECARD_SPOOL)")
    one.add_argument("--again", action="store_true", help="also try again what was refused")
    one.add_argument(
        "--moved-from",
        action="append",
        default=[],
        metavar="NAME",
        help="also what waits for another database, which this one has taken the place of; repeatable",
    )
    add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked; 1 when rows were rejected, or calls could not be recorded."""
    return {"import": _import, "drain": _drain}[arguments.action](arguments)


def _import(arguments: argparse.Namespace) -> int:
    from metering.importing import import_file
    from metering.meter import Meter
    from sync.context import database_url
    from sync.progress import Progress

    with (
        Meter.open(database_url(arguments, None), listen=False) as meter,
        Progress("import", sys.stderr) as progress,
    ):
        report = import_file(
            meter,
            arguments.file,
            format=arguments.input_format,
            keep_unpriced=arguments.keep_unpriced,
            progress=progress,
        )
    if arguments.format == "json":
        print(json.dumps(as_json(report), indent=2))
    else:
        print(as_text(report))
    if report.rejected:
        rows = f"{report.rejected:,} row{'s' if report.rejected != 1 else ''}"
        print(f"ratecard: {rows} rejected; see {report.rejects_path}", file=sys.stderr)
        return EXIT_FINDING
    return 0


def _drain(arguments: argparse.Namespace) -> int:
    from metering.meter import Meter
    from metering.spool import SPOOL_VARIABLE, read_refused
    from sync.context import database_url
    from sync.errors import RefusedError, UsageError
    from sync.render.spool_text import drained_json, drained_lines

    folder = arguments.spool or os.environ.get(SPOOL_VARIABLE)
    if not folder:
        raise UsageError(f"name the folder with --spool DIR, or by the variable {SPOOL_VARIABLE}")
    if not Path(folder).is_dir():
        raise RefusedError("SPOOL", f"there is no folder {folder}")
    # What nobody listens for starts nothing by itself: all is done here.
    with Meter.open(database_url(arguments, None), listen=False, spool=folder) as meter:
        draining = meter.spool
        assert draining is not None  # noqa: S101 - a folder is named
        done = draining.drain(again=arguments.again, moved_from=arguments.moved_from)
        state = draining.state()
        refused = list(read_refused(Path(folder), draining.spool.database, []))
    if arguments.format == "json":
        print(json.dumps({"format_version": FORMAT_VERSION, **drained_json(done, state, refused)}, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in drained_lines(done, state, refused))
    for fault in (done.fault, *state.faults):
        if fault:
            print(f"ratecard: {fault}", file=sys.stderr)
    return EXIT_FINDING if done.fault or done.left or refused or state.faults else 0


def as_json(report: ImportReport) -> dict[str, int | str | None]:
    """The contract of `import --format json`."""
    return {
        "format_version": FORMAT_VERSION,
        "rows": report.rows,
        "added": report.added,
        "repeated": report.repeated,
        "unpriced": report.unpriced,
        "rejected": report.rejected,
        "rejects_file": None if report.rejects_path is None else str(report.rejects_path),
    }


def as_text(report: ImportReport) -> str:
    """One line."""
    parts = [f"{report.added:,} added", f"{report.repeated:,} already there"]
    if report.unpriced:
        parts[0] += f" ({report.unpriced:,} unpriced)"
    if report.rejected:
        parts.append(f"{report.rejected:,} rejected")
    return f"{report.rows:,} row{'s' if report.rows != 1 else ''}: {', '.join(parts)}"

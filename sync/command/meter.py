"""Import usage: `ratecard meter import FILE` reads CSV or JSONL, with one column for each unit.

Columns are event_id, occurred_at, account, user, provider, model, task, feature, tool, tier, reasoning_level,
cpu_seconds, gpu_seconds, latency_ms, metadata, and the units. A row that names a feature or a tool may leave the model
out. Rows that cannot be recorded go to FILE.rejects.csv with the reason. The same file again adds nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from metering.importing import ImportReport

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=("import",), help="what to do")
    parser.add_argument("file", metavar="FILE", help="events as CSV or JSONL")
    parser.add_argument(
        "--input-format", choices=("csv", "jsonl"), help="how the file is written (default: by its name's end)"
    )
    parser.add_argument(
        "--keep-unpriced",
        action="store_true",
        help="record calls of models without a price, charged nothing until one lands (default: reject them)",
    )
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import a file; 1 when rows were rejected."""
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


def as_json(report: ImportReport) -> dict[str, int | str | None]:
    """The contract of `--format json`."""
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

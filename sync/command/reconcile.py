"""Compare recorded events with what a provider or gateway counts; exit 1 when something is found.

FILE is a LiteLLM spend log (JSON, JSONL or CSV), a usage report of OpenAI or Anthropic (JSON pages or CSV), or a table
with a model, a day or time, and counts. Rows with the id of an event are compared one by one, others by sums over days
and models. Nothing is written.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from sync.command import EXIT_FINDING, add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from sync.days import read_day

    parser.add_argument("file", metavar="FILE", help="what the provider or gateway counts")
    parser.add_argument(
        "--shape",
        choices=("litellm", "openai", "anthropic", "anthropic-console", "table"),
        help="what FILE is (default: told by its fields)",
    )
    parser.add_argument(
        "--match",
        choices=("id", "totals"),
        help="compare by event id, or by day and model (default: by id if all have one)",
    )
    parser.add_argument("--from", dest="start", type=read_day, metavar="DATE", help="first UTC day (default: FILE's)")
    parser.add_argument("--to", dest="end", type=read_day, metavar="DATE", help="the UTC day after the last one")
    parser.add_argument("--provider", metavar="P", help="our name of the provider that FILE is about")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        type=_name,
        metavar="THEIRS=OURS",
        help="a model's name in FILE, and ours: PROVIDER/MODEL or an alias; repeatable",
    )
    parser.add_argument(
        "--settled",
        type=_whole,
        default=0,
        metavar="MINUTES",
        help="let calls of the last MINUTES be on one side only, when compared by id (default: 0)",
    )
    parser.add_argument(
        "--tolerance",
        type=_percent,
        default=0,
        metavar="PERCENT",
        help="how far counts and costs may differ from theirs (default: 0)",
    )
    parser.add_argument(
        "--output-ratio",
        type=_ratio,
        default=2_000_000,
        metavar="N",
        help="flag output that is priced as more than N times theirs (default: 2.0)",
    )
    parser.add_argument(
        "--large-input",
        type=_whole,
        default=100_000,
        metavar="N",
        help="flag a call with more than N tokens of input (default: 100000)",
    )
    add_common(parser, "csv")


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; 1 when something is found."""
    from metering.meter import Meter
    from metering.reconciling import Limits, Options
    from sync.context import database_url
    from sync.errors import UsageError
    from sync.render.reconcile_text import report_csv, report_json, report_lines, summary

    if arguments.start and arguments.end and arguments.start >= arguments.end:
        raise UsageError(f"--from {arguments.start} is not before --to {arguments.end}")
    options = Options(
        shape=arguments.shape,
        match=arguments.match,
        start=arguments.start,
        end=arguments.end,
        provider=arguments.provider,
        names=dict(arguments.name),
        settled=timedelta(minutes=arguments.settled),
        limits=Limits(arguments.output_ratio, arguments.large_input, arguments.tolerance),
    )
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        report = meter.reconcile(arguments.file, options)
    if arguments.format == "json":
        print(json.dumps(report_json(report), indent=2))
    elif arguments.format == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(report_csv(report))
    else:
        sys.stdout.writelines(f"{line}\n" for line in report_lines(report))
    if not report.findings:
        return 0
    print(f"ratecard: {summary(report)}", file=sys.stderr)
    return EXIT_FINDING


def _name(text: str) -> tuple[str, str]:
    theirs, equals, ours = text.partition("=")
    if not (equals and theirs.strip() and ours.strip()):
        raise argparse.ArgumentTypeError(f"'{text}' is not THEIRS=OURS")
    return theirs.strip(), ours.strip()


def _percent(text: str) -> int:
    return _millionths(text, 10_000, "a percentage from 0 to 100", most=100)


def _ratio(text: str) -> int:
    return _millionths(text, 1_000_000, "a number from 1 to 1000", least=1, most=1_000)


def _millionths(text: str, each: int, what: str, *, least: int = 0, most: int) -> int:
    try:
        number = Decimal(text)
        whole = number * each
        if least <= number <= most and whole == whole.to_integral_value():
            return int(whole)
    except InvalidOperation:
        pass
    raise argparse.ArgumentTypeError(f"'{text}' is not {what}")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)

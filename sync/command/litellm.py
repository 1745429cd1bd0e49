"""Virtual keys at a LiteLLM proxy: one for each subscription, with the budget, rates and models of its plan.

`keys` makes, changes and deletes what differs, and nothing when nothing does: run it from a scheduler, and after an
apply. A new key is printed once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from metering.virtual_keys.matching import Change, Matched

FORMAT_VERSION = 1
_FEW = 3
"""Models that a line names; `--format json` names all."""
_DONE = {"create": "created", "change": "changed", "delete": "deleted"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("keys", help="have the proxy hold a key for each subscription, and none beside")
    one.add_argument("--dry-run", action="store_true", help="show what would be done at the proxy, and do nothing")
    one.add_argument("--force", action="store_true", help="also when more than 30 %% of the keys would be deleted")
    add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """Match the keys, and print; 1 when the proxy did not do all of it."""
    from metering.meter import Meter
    from sync.context import database_url

    with Meter.open(database_url(arguments, None), listen=False) as meter:
        done = meter.match_virtual_keys(dry_run=arguments.dry_run, force=arguments.force)
    if arguments.format == "json":
        print(json.dumps({"format_version": FORMAT_VERSION, "dry_run": arguments.dry_run, **_told(done)}, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(done, dry_run=arguments.dry_run))
    if done.fault is not None:
        print(f"ratecard: {done.fault}; the same command goes on from there", file=sys.stderr)
        return EXIT_FINDING
    return 0


def _told(done: Matched) -> dict[str, Any]:
    return {
        "changes": [
            {
                "action": one.action,
                "alias": one.alias,
                "account": one.account,
                "fields": {name: _plain(value) for name, value in one.fields.items()},
                "key": one.key,
            }
            for one in done.changes
        ],
        "unchanged": done.unchanged,
        "fault": done.fault,
    }


def _lines(done: Matched, *, dry_run: bool) -> Iterator[str]:
    for one in done.changes:
        yield _line(one, dry_run=dry_run)
    counts = {action: sum(one.action == action for one in done.changes) for action in _DONE}
    told = ", ".join(f"{count} {'to ' + action if dry_run else _DONE[action]}" for action, count in counts.items())
    yield f"{told}, {done.unchanged} as they should be"


def _line(one: Change, *, dry_run: bool) -> str:
    from schema.findings import printable

    what = f"to {one.action}" if dry_run else _DONE[one.action]
    parts = [f"{printable(one.account or one.alias)}: {what}"]
    if one.key is not None:
        parts.append(printable(one.key))
    parts += [f"{name} {_shown(value)}" for name, value in one.fields.items()]
    return "  ".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) if len(value) <= _FEW else f"({len(value)} of them)"
    return json.dumps(_plain(value)).strip('"')


def _plain(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value

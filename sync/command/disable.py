"""Switch a model off in the database at once, before git says so; audited, and shown as drift until git does."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

from sync.command import add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=("model",), help="what to switch off")
    parser.add_argument("key", metavar="KEY", help="PROVIDER/MODEL, or an alias")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the audit log and shown as drift")
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    parser.add_argument(
        "--undo", action="store_true", help="switch it on again, while git still says that it is active"
    )
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Switch and print."""
    from schema.database import require_current
    from sync.context import acting_person, database_url, opened
    from sync.disable import switch_model
    from sync.edit_reasons import Reason
    from sync.render.disable_text import switched_lines
    from sync.render.style import Style

    by = _said("--by", arguments.by) if arguments.by is not None else acting_person()
    reason = Reason(by, datetime.now(UTC), _said("--reason", arguments.reason))
    with opened(database_url(arguments, None)) as engine:
        require_current(engine)
        done = switch_model(engine, arguments.key, active=arguments.undo, reason=reason)
    if arguments.format == "json":
        print(json.dumps(done.as_json(), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in switched_lines(done, Style.of_terminal()))
    return 0


def _said(option: str, text: str) -> str:
    from sync.errors import UsageError

    said = text.strip()
    if not said or not said.isprintable():
        raise UsageError(f"{option} must say something, in one line of printable text")
    return said

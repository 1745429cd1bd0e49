"""Bring the database to the schema of this program, or show which schema it has."""

from __future__ import annotations

import argparse
import json

from sync.command import add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("upgrade", "version"), help="upgrade the tables, or show their version")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Upgrade in one transaction, or tell the version; a database that is not there is never made."""
    from schema.database import database_state, schema_version, shown_url, upgrade
    from schema.errors import DatabaseVersionError
    from schema.tables import SCHEMA_VERSION
    from sync.context import database_url, opened

    url = database_url(arguments, None)
    told: dict[str, object] = {"format_version": 1, "database": shown_url(url), "needed": SCHEMA_VERSION}
    with opened(url) as engine:
        state = database_state(engine)
        version = None if state == "missing" else schema_version(engine)
        if arguments.action == "version":
            return _tell(arguments, {**told, "state": state, "version": version}, _state_line(state, version))
        if state == "missing":
            raise DatabaseVersionError(f"there is no database {shown_url(url)}; run `ratecard apply` to make it")
        upgrade(engine)
    line = "it is current" if state == "current" else f"upgraded from {version or 'nothing'} to {SCHEMA_VERSION}"
    return _tell(arguments, {**told, "from": version, "upgraded": state != "current"}, line)


def _state_line(state: str, version: str | None) -> str:
    if state == "current":
        return f"schema version {version}, which is current"
    if state == "other":
        return f"schema version {version}, which is not this program's" if version else "tables of another program"
    return "it is not there" if state == "missing" else "it is empty"


def _tell(arguments: argparse.Namespace, told: dict[str, object], line: str) -> int:
    print(json.dumps(told) if arguments.format == "json" else f"{told['database']}: {line}")
    return 0

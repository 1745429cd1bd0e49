"""Look at configuration, database, git, clock, versions and environment; exit 1 when something does not work."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from sync.repository import Repository


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--ledger", action="store_true", help="also prove that every balance is the sum of its postings and grants"
    )
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look and print."""
    from sync.context import environment_admins
    from sync.doctor import Place, examine
    from sync.errors import RepositoryError
    from sync.render.doctor_text import checkup_lines
    from sync.render.style import Style
    from sync.repository import Repository

    repository, no_repository = None, ""
    try:
        repository = Repository.open()
    except RepositoryError as error:
        no_repository = str(error)
    engine, no_engine = _engine(arguments, repository)
    place = Place(repository, no_repository, arguments.config, engine, no_engine, _source(arguments))
    try:
        checkup = examine(
            place,
            now=lambda: datetime.now(UTC),
            environment=os.environ,
            admins=environment_admins(),
            ledger=arguments.ledger,
        )
    finally:
        if engine is not None:
            engine.dispose()
    if arguments.format == "json":
        print(json.dumps(checkup.as_json(), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in checkup_lines(checkup, Style.of_terminal()))
    return 0 if checkup.ok else EXIT_FINDING


def _engine(arguments: argparse.Namespace, repository: Repository | None) -> tuple[Engine | None, str]:
    from schema.database import make_engine
    from schema.errors import RatecardError
    from sync.context import database_url

    try:
        return make_engine(database_url(arguments, repository), create=False), ""
    except RatecardError as error:
        return None, str(error)


def _source(arguments: argparse.Namespace) -> str:
    from sync.context import DATABASE_VARIABLE

    named = os.environ.get(DATABASE_VARIABLE)
    if arguments.database and arguments.database != named:
        return "by --database"
    return f"by {DATABASE_VARIABLE}" if named else "the embedded default"

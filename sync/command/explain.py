"""Explain a charge: from the event down to the file, line, commit and author of each number in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sync.explain.origin import Archive


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("event", metavar="EVENT", help="the event's id")
    parser.add_argument("--account", metavar="NAME", help="whose event, where several accounts have the id")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read and print."""
    from schema.database import reading, require_current
    from sync.context import database_url, opened
    from sync.explain import explain
    from sync.explain.json_form import as_json
    from sync.render.explain_text import explain_lines
    from sync.render.style import Style

    for text in (arguments.event, arguments.account or ""):
        _check_text(text)
    archive = _archive(arguments.config)
    with opened(database_url(arguments, None)) as engine:
        require_current(engine)
        with reading(engine) as connection:
            told = explain(connection, archive, arguments.event, arguments.account)
    if arguments.format == "json":
        print(json.dumps(as_json(told), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in explain_lines(told, Style.of_terminal()))
    return 0


def _check_text(text: str) -> None:
    from sync.errors import UsageError

    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the event and the account are text in UTF-8") from None


def _archive(folder: str) -> Archive:
    from sync.errors import RepositoryError
    from sync.explain.origin import Archive
    from sync.repository import Repository

    try:
        return Archive(Repository.open(), folder)
    except RepositoryError as error:
        # A bill can be explained where there is no git, but for who wrote its prices.
        return Archive(None, folder, str(error))

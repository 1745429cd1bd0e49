"""List what was applied, by whom and when, newest first; or tell what differs between any two releases.

`ratecard releases diff A B` names releases by number or label; 0 is the empty state before the first, and A may be
later than B.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sync.release_diff import ReleaseDiff

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("words", nargs="*", metavar="diff A B", help="what differs between releases A and B")
    add_common(parser, "markdown")
    parser.add_argument("--limit", type=int, metavar="N", help="only the newest N")


def run(arguments: argparse.Namespace) -> int:
    """Read and print."""
    from sync.errors import UsageError

    words = arguments.words
    if words and (words[0] != "diff" or len(words) != 3):
        raise UsageError(f"'{' '.join(words)}' is not understood; write `ratecard releases diff A B`")
    if words:
        if arguments.limit is not None:
            raise UsageError("--limit is for the list of releases, not for a diff")
        return _diff(arguments, words[1], words[2])
    if arguments.format == "markdown":
        raise UsageError("--format markdown is for a diff, not for the list of releases")
    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError("--limit must be at least 1")
    return _list(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from sync.context import database_url, opened
    from sync.planning import releases_of
    from sync.release_diff import release_json
    from sync.render.drift_text import release_lines

    with opened(database_url(arguments, None)) as engine:
        releases = releases_of(engine, arguments.limit)
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "releases": [release_json(release) for release in releases]}
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in release_lines(releases))
    return 0


def _diff(arguments: argparse.Namespace, before: str, after: str) -> int:
    from schema.database import reading, require_current
    from sync.context import database_url, opened
    from sync.release_diff import diff_releases

    with opened(database_url(arguments, None)) as engine:
        require_current(engine)
        with reading(engine) as connection:
            diff = diff_releases(connection, before, after)
    _print(diff, arguments.format)
    return 0


def _print(diff: ReleaseDiff, form: str) -> None:
    from sync.render.release_diff_text import release_diff_lines, release_diff_markdown
    from sync.render.style import Style

    if form == "json":
        print(json.dumps(diff.as_json(), indent=2))
    elif form == "markdown":
        print(release_diff_markdown(diff), end="")
    else:
        sys.stdout.writelines(f"{line}\n" for line in release_diff_lines(diff, Style.of_terminal()))

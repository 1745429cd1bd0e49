"""List what was applied, by whom and when, newest first."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from sync.current import Release

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="only the newest N")


def run(arguments: argparse.Namespace) -> int:
    """Read and print."""
    from sync.context import database_url, opened
    from sync.errors import UsageError
    from sync.planning import releases_of
    from sync.render.drift_text import release_lines

    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError("--limit must be at least 1")
    with opened(database_url(arguments, None)) as engine:
        releases = releases_of(engine, arguments.limit)
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "releases": [_as_json(release) for release in releases]}
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in release_lines(releases))
    return 0


def _as_json(release: Release) -> dict[str, Any]:
    from schema.keys import moment_text

    return {
        "id": release.id,
        "commit": release.commit,
        "label": release.label,
        "title": release.title,
        "author": release.author,
        "applied_by": release.applied_by,
        "applied_at": moment_text(release.applied_at),
        "counts": {"create": release.creates, "update": release.updates, "delete": release.deletes},
    }

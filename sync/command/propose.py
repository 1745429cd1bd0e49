"""Write edits as one commit on a new branch, from the base branch, without touching work tree or index."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from sync.edit import Edit
    from sync.propose import Preview, Proposal

_EXAMPLE = """\
example:
  ratecard propose --set "price anthropic/claude-haiku-4-5#margin=2.8" --title "Lower the margin of Haiku"
"""


class _InOrder(argparse.Action):
    """Collects `--set`, `--unset`, `--add`, `--remove` and `--rename` in one list, in the order they are written."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.edits = [*(namespace.edits or []), (self.const, str(values))]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLE
    for option, metavar, text in (
        ("--set", "KEY#FIELD=VALUE", "give a field another value (a YAML scalar); repeat for more"),
        ("--unset", "KEY#FIELD", "take a field out"),
        ("--add", "KEY", "add an entity, whose fields are the --set options of the same key"),
        ("--remove", "KEY", "remove an entity"),
        ("--rename", "KEY=NEW", "rename an entity and what refers to it; a price or rate gets another date"),
    ):
        parser.add_argument(
            option, action=_InOrder, const=option, dest="edits", default=None, metavar=metavar, help=text
        )
    parser.add_argument("--title", metavar="TITLE", help="what the change is for; names the branch and the commit")
    parser.add_argument(
        "--base", metavar="BRANCH", help="where to start (default: the policy's base branch, else main)"
    )
    parser.add_argument(
        "--effective", metavar="DATE", help="when a price without a date in its key begins (default: today, UTC)"
    )
    parser.add_argument("--push", action="store_true", help="push the branch and print the pull request's address")
    parser.add_argument("--dry-run", action="store_true", help="print the diff and write nothing")
    add_common(parser, database=False)


def run(arguments: argparse.Namespace) -> int:
    """Propose, or preview with --dry-run."""
    from schema.errors import ConfigError
    from sync.context import environment_admins
    from sync.errors import UsageError
    from sync.propose import preview, propose
    from sync.repository import Repository

    edits = read_edits(arguments.edits or [])
    if not edits:
        raise UsageError("nothing is proposed; use --set, --unset, --add, --remove or --rename")
    if arguments.title is None and not arguments.dry_run:
        raise UsageError("a proposal needs a title; say what it is for with --title")
    effective = _moment(arguments.effective)
    now = datetime.now(UTC)
    repository = Repository.open()
    if arguments.dry_run:
        made = preview(
            repository,
            edits,
            base=arguments.base,
            folder=arguments.config,
            now=now,
            effective=effective,
            environment_admins=environment_admins(),
        )
        _print_preview(made, arguments.format)
        if made.validation.errors:
            raise ConfigError(made.validation.errors)
        return 0
    written = propose(
        repository,
        edits,
        title=arguments.title,
        author=repository.identity(),
        base=arguments.base,
        folder=arguments.config,
        push=arguments.push,
        now=now,
        effective=effective,
        environment_admins=environment_admins(),
        environment=os.environ,
    )
    print_proposal(written, arguments.format, pushed=arguments.push)
    return 0


def read_edits(options: Sequence[tuple[str, str]]) -> list[Edit]:
    """The edits of the options in order; a `--set` of a key that was added before is one of its fields."""
    from schema.errors import KeyFormatError
    from schema.keys import parse_key
    from sync.edit import AddEntity, RemoveEntity, parse_rename, parse_set, parse_unset
    from sync.errors import UsageError

    edits: list[Edit] = []
    try:
        for option, text in options:
            if option == "--add":
                edits.append(AddEntity(parse_key(text)))
            elif option == "--remove":
                edits.append(RemoveEntity(parse_key(text)))
            elif option == "--unset":
                edits.append(parse_unset(text))
            elif option == "--rename":
                edits.append(parse_rename(text))
            else:
                one = parse_set(text)
                place = next(
                    (index for index, edit in enumerate(edits) if isinstance(edit, AddEntity) and edit.key == one.key),
                    None,
                )
                if place is None:
                    edits.append(one)
                else:
                    known = edits[place]
                    assert isinstance(known, AddEntity)  # noqa: S101 - found as one
                    edits[place] = AddEntity(known.key, {**known.fields, one.field: one.value})
    except KeyFormatError as error:
        raise UsageError(str(error)) from None
    return edits


def _moment(text: str | None) -> datetime | None:
    from schema.keys import parse_moment
    from sync.errors import UsageError

    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError:
        raise UsageError(f"--effective: '{text}' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ") from None


def _print_preview(made: Preview, form: str) -> None:
    if form == "json":
        document = {
            "base": made.base.branch,
            "files": sorted(made.files),
            "diff": made.diff,
            "errors": [finding.as_json() for finding in made.validation.errors],
            "warnings": [finding.as_json() for finding in made.validation.warnings],
            "notes": list(made.notes),
        }
        print(json.dumps(document, indent=2))
        return
    print(made.diff, end="")
    for line in (*map(str, made.validation.warnings), *made.notes):
        print(line, file=sys.stderr)


def print_proposal(written: Proposal, form: str, *, pushed: bool) -> None:
    """Print a proposal; its notes go to stderr."""
    from sync.render.written_proposal import proposal_json, proposal_lines

    for note in written.notes:
        print(f"ratecard: {note}", file=sys.stderr)
    if form == "json":
        print(json.dumps(proposal_json(written), indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in proposal_lines(written, pushed=pushed))

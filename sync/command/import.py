# ruff: noqa: N999 - a command's module bears its name
"""Take over list prices as new dated entries, or check where they have left ours."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from sync.checks import Validation
    from sync.feeds.choosing import Choice
    from sync.feeds.importing import Survey

_EXAMPLE = """\
examples:
  ratecard import prices --from genai-prices --check
  ratecard import prices --from litellm --provider openai --dry-run
  ratecard import prices --from genai-prices --propose --push
"""
_PROPOSAL_OPTIONS = ("title", "push", "base")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLE
    parser.add_argument("what", choices=["prices"], help="what to import")
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="LIST",
        required=True,
        help="genai-prices or litellm (as installed; nothing is fetched), or a file of either form",
    )
    parser.add_argument("--provider", action="append", default=[], metavar="P", help="only this provider; repeatable")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="M",
        help="only this model (MODEL or PROVIDER/MODEL), even when its list price looks like a slip; repeatable",
    )
    parser.add_argument("--check", action="store_true", help="show where list prices have left ours; exit 1 if any has")
    parser.add_argument("--dry-run", action="store_true", help="show the diff and write nothing")
    parser.add_argument("--propose", action="store_true", help="write the entries as a commit on a new branch")
    parser.add_argument("--title", help="the title of the proposal (default: names the list)")
    parser.add_argument("--push", action="store_true", help="push the proposal")
    parser.add_argument("--base", metavar="BRANCH", help="where the proposal starts (default: as in `propose`)")
    parser.add_argument(
        "--effective", metavar="DATE", help="when new prices begin (default: as listed if later than ours, else today)"
    )
    add_common(parser, database=False)


def run(arguments: argparse.Namespace) -> int:
    """Survey, then print, write or propose."""
    from schema.errors import ConfigError
    from sync.bases import find_base
    from sync.checks import validate_files
    from sync.context import environment_admins
    from sync.feeds.choosing import choose
    from sync.feeds.importing import survey
    from sync.feeds.opening import read_feed
    from sync.repository import Repository, work_tree_files

    effective = _checked(arguments)
    now = datetime.now(UTC)
    if arguments.propose:
        files = dict(find_base(Repository.open(), arguments.base, arguments.config).files)
    else:
        files = work_tree_files(arguments.config)
    folder = arguments.config.rstrip("/") or arguments.config
    validation = validate_files(files, folder, now, environment_admins())
    if validation.errors:
        raise ConfigError(validation.errors)
    feed = read_feed(arguments.origin)
    choice = choose(validation.catalogue, feed, arguments.provider, arguments.model)
    found = survey(validation.catalogue, feed, now, chosen=choice.models, effective=effective)
    if arguments.format == "text":
        _print(_survey_lines(found, choice, validation, now, check=arguments.check))
    outcome = _outcome(arguments, found, files, validation, folder, now)
    if arguments.format == "json":
        from sync.render.feed_json import survey_json

        print(json.dumps(survey_json(found, choice, outcome), indent=2))
    return EXIT_FINDING if arguments.check and found.steps else 0


def _checked(arguments: argparse.Namespace) -> datetime | None:
    """The moment of --effective. Raises UsageError for options that do not go together."""
    from schema.keys import parse_moment
    from sync.errors import UsageError

    alone = [f"--{name}" for name in _PROPOSAL_OPTIONS if getattr(arguments, name)]
    if alone and not arguments.propose:
        raise UsageError(f"{alone[0]} is about a proposal; add --propose")
    if arguments.check and arguments.dry_run and not arguments.propose:
        raise UsageError("--check writes nothing as it is; leave --dry-run out")
    if arguments.effective is None:
        return None
    try:
        return parse_moment(arguments.effective)
    except ValueError:
        text = arguments.effective
        raise UsageError(f"--effective: '{text}' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ") from None


def _survey_lines(
    found: Survey, choice: Choice, validation: Validation, now: datetime, *, check: bool
) -> Iterable[str]:
    from sync.feeds.registering import proposal_command
    from sync.render import feed_text
    from sync.render.style import Style

    style = Style.of_terminal()
    yield from (feed_text.check_text if check else feed_text.import_text)(found, style)
    yield from feed_text.coverage_text(found, choice, style, full=check and choice.models is None)
    if choice.names:
        for listing in found.unregistered:
            if choice.concerns(listing) and listing.prices:
                yield f"{listing.entry} is not registered; this adds it:"
                yield f"  {proposal_command(validation.catalogue, listing, now)}"
        for model, listing in found.matches.items():
            if model in found.unpriced:
                yield f"{model} has no price of ours; this adds it:"
                yield f"  {proposal_command(validation.catalogue, listing, now, model)}"
            yield from feed_text.entry_text(listing)


def _outcome(
    arguments: argparse.Namespace,
    found: Survey,
    files: dict[str, bytes],
    validation: Validation,
    folder: str,
    now: datetime,
) -> dict[str, Any]:
    """Write what is to be written, and say so; the JSON of it."""
    from sync.context import environment_admins
    from sync.feeds.drafting import draft_entries
    from sync.feeds.work_tree import replace_files

    if not found.edits or (arguments.check and not arguments.propose):
        return {"files": []}
    draft = draft_entries(
        files, validation, found.edits, folder=folder, now=now, environment_admins=environment_admins()
    )
    for warning in draft.warnings:
        print(warning, file=sys.stderr)
    outcome: dict[str, Any] = {"files": sorted(f"{folder}/{path}" for path in draft.files)}
    text = arguments.format == "text"
    if arguments.dry_run:
        if text:
            print()
            print("".join(draft.diffs.values()), end="")
        return {**outcome, "diff": "".join(draft.diffs.values())}
    if arguments.propose:
        return _propose(arguments, found, files, now)
    replace_files(arguments.config, files, draft.files)
    if text:
        print()
        _print(f"{folder}/{path}  +{added}" for path, added in draft.counts.items())
    return outcome


def _propose(arguments: argparse.Namespace, found: Survey, files: dict[str, bytes], now: datetime) -> dict[str, Any]:
    from schema.keys import Key
    from sync.command.propose import print_proposal
    from sync.context import environment_admins
    from sync.edit import entity_version
    from sync.propose import propose
    from sync.render.written_proposal import proposal_json
    from sync.repository import Repository

    repository = Repository.open()
    # The margins that are copied are those of the entries seen here: whatever else is said of a price meanwhile counts.
    seen = [Key("price", step.departure.model) for step in found.steps if step.edit]
    written = propose(
        repository,
        found.edits,
        title=arguments.title or f"Take over list prices of {found.feed.title}",
        author=repository.identity(),
        base=arguments.base,
        folder=arguments.config,
        push=arguments.push,
        now=now,
        seen={key: entity_version(files, key, arguments.config) for key in seen},
        environment_admins=environment_admins(),
        environment=os.environ,
    )
    if arguments.format == "text":
        print()
        print_proposal(written, "text", pushed=arguments.push)
    return proposal_json(written)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)

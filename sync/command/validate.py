"""Check the YAML: every fault in one pass, each with file, line and column."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from sync.command import EXIT_FINDING, add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, "github", database=False)
    parser.add_argument("--ref", help="check this commit, branch or tag instead of the work tree")


def run(arguments: argparse.Namespace) -> int:
    """Check and print; 1 when there is an error."""
    from sync.checks import validate_files
    from sync.context import environment_admins, path_from_top
    from sync.render import findings
    from sync.render.style import Style
    from sync.repository import Repository, work_tree_files

    if arguments.ref is None:
        files = work_tree_files(arguments.config)
    else:
        files = Repository.open().config_files(arguments.ref, arguments.config)
    folder = arguments.config.rstrip("/") or arguments.config
    if arguments.format == "github":
        # Where GitHub looks for files.
        folder = path_from_top(folder)
    validation = validate_files(files, folder, datetime.now(UTC), environment_admins())
    if arguments.format == "json":
        print(findings.findings_json(validation))
        return 0 if validation.ok else EXIT_FINDING
    if arguments.format == "github":
        lines = findings.findings_github(validation)
    else:
        lines = findings.findings_text(validation, Style.of_terminal())
    sys.stdout.writelines(f"{line}\n" for line in lines)
    summary = findings.summary_text(validation)
    print(summary, file=sys.stdout if validation.ok else sys.stderr)
    return 0 if validation.ok else EXIT_FINDING

"""The command line: one module a command, imported only when it is called.

A command module has `configure(parser)`, which declares its arguments, and `run(arguments)`, which returns the exit
code.
Exit codes: 0 fine, 1 a finding or refusal (one message on stderr), 64 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

COMMANDS = {
    "validate": "check the YAML, all faults in one pass",
    "plan": "show what an apply would change, and what it moves in money",
    "apply": "bring the database to a commit, all or nothing",
    "drift": "compare last release, git and database",
    "snapshot": "export what a plan needs of a database, without names",
    "releases": "list what was applied, by whom and when",
    "explain": "explain a charge down to file, line, commit and author",
    "doctor": "check configuration, database, git, clock and versions",
    "disable": "switch a model off in the database at once, audited",
    "propose": "write edits as one commit on a new branch",
    "rollback": "write the proposal that brings the configuration back to a release",
    "import": "take over list prices, or check where they left ours",
    "fmt": "check or put YAML into its canonical form",
    "schema": "write or check the JSON Schemas for editors",
    "db": "upgrade the database, or show its version",
    "meter": "import usage from CSV or JSONL, or record what waited for the database",
    "account": "create, list, suspend, ban and delete accounts, and their users",
    "subscription": "start, change, cancel, extend and give away subscriptions",
    "grant": "give, sell, list and refund credit",
    "wallet": "show what an account has, and its transactions",
    "key": "create, list, rotate and revoke API keys",
    "renew": "grant the credit of new periods, end what is over",
    "route": "show which model serves a task, and why",
    "hold": "set credit aside for a call, and settle it",
    "check": "ask whether an account may make a call, or how it stands with its quotas",
    "alerts": "list the quotas that were reached, and tell them to the webhook",
    "litellm": "keep the virtual keys of a LiteLLM proxy as plans say",
    "rerate": "price events of the past anew: show, then write once",
    "reconcile": "compare recorded events with what a provider or gateway counts",
    "serve": "serve the HTTP API",
    "usage": "sum up usage, cost, charge and revenue",
    "demo": "fill a database with real data and open the dashboard",
    "dashboard": "open the dashboard",
}
"""Every command with its line in `ratecard --help`; the module has the command's name."""

BRIEF = frozenset(
    {
        "validate",
        "plan",
        "snapshot",
        "apply",
        "drift",
        "releases",
        "explain",
        "disable",
        "propose",
        "rollback",
        "fmt",
        "schema",
    }
)
"""Commands that end before a collection of cyclic garbage pays: the trees that they build hold none."""

EXIT_FINDING = 1
EXIT_USAGE = 64


class Parser(argparse.ArgumentParser):
    """argparse with the exit code of sysexits.h for wrong usage, and without abbreviations."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to see the usage."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see `{self.prog} --help`)\n")


def add_common(parser: argparse.ArgumentParser, *formats: str, database: bool = True) -> None:
    """Declare the options that commands share: `--format`, `--config` and `--database`."""
    choices = ("text", "json", *formats)
    parser.add_argument("--format", choices=choices, default="text", help="how to print (default: text)")
    parser.add_argument("--config", default="config", metavar="DIR", help="the folder of YAML (default: config)")
    if database:
        parser.add_argument(
            "--database",
            metavar="URL",
            default=os.environ.get("RATECARD_DATABASE_URL"),
            help="SQLite or PostgreSQL (default: RATECARD_DATABASE_URL, else .ratecard/ratecard.db at the git top)",
        )


def overview() -> str:
    """What `ratecard --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, line in COMMANDS.items()]
    return "\n".join(
        [
            "usage: ratecard COMMAND [OPTION …]",
            "",
            "What an LLM product charges: validated YAML in git, applied to the database that meters every call.",
            "",
            *lines,
            "",
            "`ratecard COMMAND --help` tells the options of a command.",
        ]
    )


def build_parser(name: str) -> Parser:
    """The parser of one command; imports its module."""
    module = import_module(f"sync.command.{name}")
    parser = Parser(prog=f"ratecard {name}", description=module.__doc__)
    parser.set_defaults(run=getattr(module, "run", None))
    module.configure(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never lets a traceback through for a fault of the input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if words else EXIT_USAGE
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"ratecard {version('ratecard')}")
        return 0
    if words[0] not in COMMANDS:
        from schema.findings import did_you_mean

        return _fail(f"'{words[0]}' is not a command{did_you_mean(words[0], COMMANDS)}", EXIT_USAGE)
    if words[0] in BRIEF:
        gc.disable()
    try:
        return _run(words)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FINDING
    finally:
        if words[0] in BRIEF:
            # What is left ends with the process: its last collection need not walk through it.
            gc.freeze()
            gc.enable()


def _run(words: list[str]) -> int:
    from schema.errors import RatecardError

    try:
        parsed = build_parser(words[0]).parse_args(words[1:])
        return int(parsed.run(parsed))
    except RatecardError as error:
        return _fail(str(error), EXIT_USAGE if error.code == "USAGE" else EXIT_FINDING)
    except Exception as error:
        message = _database_fault(error)
        if message is None:
            raise
        return _fail(message, EXIT_FINDING)


def _database_fault(error: Exception) -> str | None:
    if not type(error).__module__.startswith("sqlalchemy"):
        return None
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return f"the database refused: {reason}"


def _fail(message: str, code: int) -> int:
    from schema.findings import printable

    # A name that a message repeats may hold anything; what moves a cursor is not for a terminal.
    print("\n".join(map(printable, f"ratecard: {message}".split("\n"))), file=sys.stderr)
    return code

"""What validation found, as text, JSON and annotations of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

from schema.findings import Finding, printable
from sync.checks import Validation
from sync.render.style import Style, count

GITHUB_MOST = 10
"""How many annotations of each severity GitHub takes from a step."""
GITHUB_LONGEST = 4_000
"""How long their messages may be; GitHub cuts them at 4,096."""


def findings_text(validation: Validation, style: Style) -> Iterator[str]:
    """A line a finding: `file:line:column: message [CODE]`, errors first."""
    for finding in (*validation.errors, *validation.warnings):
        severity = style.paint(finding.severity, finding.severity)
        yield f"{finding.place}: {severity}: {printable(finding.message)} [{finding.code}]"


def summary_text(validation: Validation) -> str:
    """Such as `2 errors and 1 warning in 40 files`, or what the files hold."""
    files = count(len(validation.catalogue.sources), "file")
    found = f"{count(len(validation.errors), 'error')} and {count(len(validation.warnings), 'warning')} in {files}"
    if not validation.ok:
        return found
    counts = validation.counts
    held = ", ".join(count(counts[kind], kind) for kind in ("model", "price", "route", "plan"))
    return f"{files} with {held}: " + (found.rpartition(" in ")[0] if validation.warnings else "fine")


def findings_json(validation: Validation) -> str:
    """The contract of `validate --format json`."""
    told = {
        "ok": validation.ok,
        "errors": [finding.as_json() for finding in validation.errors],
        "warnings": [finding.as_json() for finding in validation.warnings],
        "counts": dict(validation.counts),
    }
    return json.dumps(told, indent=2)


def findings_github(validation: Validation) -> Iterator[str]:
    """Workflow commands that GitHub shows beside the lines of a pull request.

    GitHub shows ten annotations of each severity and step: what goes beyond them is told by a last one, and listed in
    the log. Files are looked for from the repository's top level.
    """
    for findings in (validation.errors, validation.warnings):
        fit = len(findings) <= GITHUB_MOST
        for finding in findings if fit else findings[: GITHUB_MOST - 1]:
            yield _annotation(finding)
        if not fit:
            more = count(len(findings) - GITHUB_MOST + 1, f"more {findings[0].severity}")
            yield f"::{findings[0].severity} title={more}::the log of this step lists them all"
    if max(len(validation.errors), len(validation.warnings)) > GITHUB_MOST:
        yield from _inert(list(findings_text(validation, Style())))


def _inert(lines: list[str]) -> Iterator[str]:
    """Lines of the log in which GitHub looks for no commands, whatever the documents say."""
    token = sha256("\n".join(lines).encode(errors="replace")).hexdigest()
    yield f"::stop-commands::{token}"
    yield from lines
    yield f"::{token}::"


def _annotation(finding: Finding) -> str:
    place = finding.place
    properties = (
        f"file={_property(place.file.removeprefix('./'))},line={place.line},col={place.column},title={finding.code}"
    )
    message = printable(finding.message)
    if len(message) > GITHUB_LONGEST:
        message = f"{message[: GITHUB_LONGEST - 1]}…"
    return f"::{finding.severity} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    shown = "".join(character if character in "\r\n" else printable(character) for character in text)
    return _escaped(shown).replace(":", "%3A").replace(",", "%2C")


__all__ = ["findings_github", "findings_json", "findings_text", "summary_text"]

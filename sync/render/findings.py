"""What validation found, as text, JSON and annotations of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator

from schema.findings import Finding
from sync.checks import Validation
from sync.render.style import Style, count


def findings_text(validation: Validation, style: Style) -> Iterator[str]:
    """A line a finding: `file:line:column: message [CODE]`, errors first."""
    for finding in (*validation.errors, *validation.warnings):
        severity = style.paint(finding.severity, finding.severity)
        yield f"{finding.place}: {severity}: {_printable(finding.message)} [{finding.code}]"


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
    """Workflow commands that GitHub shows beside the lines of a pull request."""
    for finding in (*validation.errors, *validation.warnings):
        yield _annotation(finding)


def _annotation(finding: Finding) -> str:
    place = finding.place
    properties = f"file={_property(place.file)},line={place.line},col={place.column},title={finding.code}"
    return f"::{finding.severity} {properties}::{_escaped(finding.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


__all__ = ["findings_github", "findings_json", "findings_text", "summary_text"]

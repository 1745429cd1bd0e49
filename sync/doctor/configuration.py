"""Is the configuration on disk valid?"""

from __future__ import annotations

from collections.abc import Iterator

from sync.checks import Validation
from sync.doctor.finding import Check, Reporter
from sync.render.style import count

_SAY = Reporter("configuration")
_COUNTED = ("model", "price", "route", "plan")


def check_configuration(validation: Validation, folder: str) -> Iterator[Check]:
    """What validation found in the work tree."""
    command = "ratecard validate" + ("" if folder == "config" else f" --config {folder}")
    files = count(len(validation.catalogue.sources), "file")
    errors, warnings = len(validation.errors), len(validation.warnings)
    if errors:
        yield _SAY.fail(f"{count(errors, 'error')} in {files}, the first: {validation.errors[0]}", command)
        return
    held = ", ".join(count(validation.counts[kind], kind) for kind in _COUNTED)
    yield _SAY.ok(f"{folder}: {files} with {held}")
    if warnings:
        yield _SAY.warn(f"{count(warnings, 'warning')}, the first: {validation.warnings[0]}", command)


__all__ = ["check_configuration"]

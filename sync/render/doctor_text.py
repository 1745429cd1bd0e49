"""A checkup as text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from sync.doctor import Checkup
from sync.presenting import value_text
from sync.render.style import Style, count

_COLOURS = {"ok": "create", "warn": "warning", "fail": "error"}


def checkup_lines(checkup: Checkup, style: Style) -> Iterator[str]:
    """A block a topic, a line a check, with advice under what is not in order; then the sums."""
    for topic, checks in groupby(checkup.checks, key=lambda check: check.topic):
        yield style.paint("bold", topic)
        for check in checks:
            yield f"  {style.paint(_COLOURS[check.level], f'{check.level:<4}')}  {value_text(check.message)}"
            if check.advice:
                yield f"        -> {value_text(check.advice)}"
    warned = sum(check.level == "warn" for check in checkup.checks)
    failed = sum(check.level == "fail" for check in checkup.checks)
    yield f"{count(len(checkup.checks), 'check')}: {count(failed, 'failure')}, {count(warned, 'warning')}"


__all__ = ["checkup_lines"]

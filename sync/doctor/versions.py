"""Is what Ratecard stands on new enough?"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version

from sync.doctor.finding import Check, Reporter

OLDEST_PYTHON = (3, 11)

_SAY = Reporter("versions")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?\s*>=\s*([0-9.]+)\s*$")


def check_versions(git_version: str | None) -> Iterator[Check]:
    """Python, git, Ratecard and its packages; `git_version` is what git says of itself."""
    yield _python(sys.version_info[:3])
    own = version("ratecard")
    yield _SAY.ok(f"ratecard {own}" + (f", {git_version}" if git_version else ""))
    needed = [found for text in requires("ratecard") or () if (found := requirement(text))]
    wrong = [problem for name, least in needed if (problem := package(name, least, installed(name)))]
    yield from wrong
    if not wrong:
        yield _SAY.ok(f"{len(needed)} packages as new as they must be")


def _python(found: Sequence[int]) -> Check:
    shown = f"Python {'.'.join(map(str, found))} on {platform.system()}"
    if tuple(found) < OLDEST_PYTHON:
        return _SAY.fail(f"{shown} is too old", f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or later")
    return _SAY.ok(shown)


def requirement(text: str) -> tuple[str, str] | None:
    """Name and least version of a requirement such as `pydantic>=2.11`; None for optional and unbounded ones."""
    found = _REQUIREMENT.match(text)
    return None if found is None else (found[1], found[2])


def installed(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def package(name: str, least: str, found: str | None) -> Check | None:
    """What is wrong with a package; None when nothing is."""
    if found is None:
        return _SAY.fail(f"the package {name} is not installed", f'pip install "{name}>={least}"')
    if _numbers(found) < _numbers(least):
        return _SAY.fail(f"{name} {found} is older than {least}", f'pip install --upgrade "{name}>={least}"')
    return None


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `2.0.40rc1` is 2, 0, 40."""
    numbers: list[int] = []
    for part in text.split("."):
        digits = re.match(r"\d+", part)
        if digits is None:
            break
        numbers.append(int(digits[0]))
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


__all__ = ["check_versions", "installed", "package", "requirement"]

"""What people say about findings: `accept` beside an entry silences warnings, the policy's `severity` weighs codes.

A code may count for more than it does by itself, and for less down to its minimum in `codes`: what keeps a wrong price
from being billed cannot be switched off for the whole tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from schema.catalogue import Catalogue, Entity
from schema.findings import Finding, Place, did_you_mean
from sync.checks.codes import CODES, WARNINGS, Level

_ORDER: Mapping[Level, int] = {"off": 0, "warning": 1, "error": 2}


def check_codes(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_CODE: an accepted code that is no warning, a weighed or approved one that is none; SEVERITY_TOO_LOW."""
    for entity in _accepting(catalogue):
        for index, code in enumerate(entity.document.accept):
            if code not in WARNINGS:
                yield _not_accepted(code, entity.place("accept", index))
    yield from _check_approvals(catalogue)
    severity = catalogue.of("policy").get("severity")
    if severity is None:
        return
    for code, level in severity.document.items():
        if code not in CODES:
            message = f"'{code}' is no code{did_you_mean(code, CODES)}"
            yield Finding("UNKNOWN_CODE", message, severity.place(code, key=True))
        elif _ORDER[level] < _ORDER[CODES[code].minimum]:
            yield Finding("SEVERITY_TOO_LOW", _too_low(code), severity.place(code))


def _check_approvals(catalogue: Catalogue) -> Iterator[Finding]:
    approvals = catalogue.of("policy").get("approvals")
    if approvals is None or not approvals.document:
        return
    # Codes of plans, which only a tree with approvals needs.
    from sync.unsafe import ALLOWED_BY

    for index, approval in enumerate(approvals.document):
        if approval.code not in ALLOWED_BY:
            hint = did_you_mean(approval.code, ALLOWED_BY)
            message = f"'{approval.code}' is no code of a plan{hint}"
            yield Finding("UNKNOWN_CODE", message, approvals.place(index, "code"))


def _not_accepted(code: str, place: Place) -> Finding:
    if code in CODES:
        return Finding("UNKNOWN_CODE", f"{code} is an error; only warnings can be accepted", place)
    return Finding("UNKNOWN_CODE", f"'{code}' is no code of a warning{did_you_mean(code, WARNINGS)}", place)


def _too_low(code: str) -> str:
    told = CODES[code]
    if told.minimum == "error":
        return f"{code} is always an error"
    way = "; `accept` it beside an entry" if told.severity == "warning" else ""
    return f"{code} is a warning at the least{way}"


def weigh(catalogue: Catalogue, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings without the accepted warnings, each with the severity that the policy gives its code."""
    policy = catalogue.of("policy").get("severity")
    levels: Mapping[str, Level] = policy.document if policy is not None else {}
    accepted: dict[str, list[Entity]] = {}
    for entity in _accepting(catalogue):
        accepted.setdefault(entity.source.file, []).append(entity)
    for finding in findings:
        covers = accepted.get(finding.place.file, ()) if finding.code in WARNINGS else ()
        if any(_covers(entity, finding) for entity in covers):
            continue
        level = _level(finding, levels)
        if level == finding.severity:
            yield finding
        elif level != "off":
            yield replace(finding, severity=level)


def _level(finding: Finding, levels: Mapping[str, Level]) -> Level:
    wanted = levels.get(finding.code)
    if wanted is None:
        return finding.severity
    # A level that is too low is a finding of its own; until it is mended, the minimum counts.
    minimum = CODES[finding.code].minimum
    return wanted if _ORDER[wanted] >= _ORDER[minimum] else minimum


def _accepting(catalogue: Catalogue) -> Iterator[Entity]:
    """The entities that accept something; `accept` is a field of each of these kinds."""
    for kind in ("price", "plan", "pack", "rate", "route"):
        for entity in catalogue.of(kind).values():
            if entity.document.accept:
                yield entity


def _covers(entity: Entity, finding: Finding) -> bool:
    if finding.code not in entity.document.accept:
        return False
    node = entity.source.node(entity.path)
    if node is None:
        return False
    start = (node.start_mark.line + 1, node.start_mark.column + 1)
    end = (node.end_mark.line + 1, node.end_mark.column + 1)
    return start <= (finding.place.line, finding.place.column) < end

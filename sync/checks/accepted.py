"""What people say about findings: `accept` beside an entry silences warnings, the policy's `severity` raises them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from schema.catalogue import Catalogue, Entity
from schema.findings import Finding, Place, did_you_mean
from sync.checks.codes import CODES, WARNINGS


def check_codes(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_CODE: an accepted or raised code that is not a warning."""
    for entity in catalogue.of("price").values():
        for index, code in enumerate(entity.document.accept):
            if code not in WARNINGS:
                yield _unknown(code, entity.place("accept", index), "accepted")
    severity = catalogue.of("policy").get("severity")
    if severity is not None:
        for code in severity.document:
            if code not in WARNINGS:
                yield _unknown(code, severity.place(code, key=True), "raised")


def _unknown(code: str, place: Place, verb: str) -> Finding:
    if code in CODES:
        return Finding("UNKNOWN_CODE", f"{code} is an error; only warnings can be {verb}", place)
    return Finding("UNKNOWN_CODE", f"'{code}' is no code of a warning{did_you_mean(code, WARNINGS)}", place)


def weigh(catalogue: Catalogue, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings without the accepted warnings, and with the raised ones as errors."""
    severity = catalogue.of("policy").get("severity")
    raised = severity.document if severity is not None else {}
    accepting = [entity for entity in catalogue.of("price").values() if entity.document.accept]
    accepted = {file: [entity for entity in accepting if entity.source.file == file] for file in _files(accepting)}
    for finding in findings:
        if finding.severity == "error":
            yield finding
        elif not any(_covers(entity, finding) for entity in accepted.get(finding.place.file, ())):
            yield replace(finding, severity="error") if finding.code in raised else finding


def _files(entities: Iterable[Entity]) -> set[str]:
    return {entity.source.file for entity in entities}


def _covers(entity: Entity, finding: Finding) -> bool:
    if finding.code not in entity.document.accept:
        return False
    node = entity.source.node(entity.path)
    if node is None:
        return False
    start = (node.start_mark.line + 1, node.start_mark.column + 1)
    end = (node.end_mark.line + 1, node.end_mark.column + 1)
    return start <= (finding.place.line, finding.place.column) < end

"""Findings of `ratecard validate --format json` (standard input) as a GitLab code quality report (standard output)."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SEVERITIES = {"errors": "blocker", "warnings": "minor"}
"""GitLab's severity by the list a finding is in."""


def report(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry a finding, errors first."""
    seen: Counter[str] = Counter()
    return [
        _entry(finding, severity, seen) for kind, severity in SEVERITIES.items() for finding in _findings(found, kind)
    ]


def _findings(found: Mapping[str, Any], kind: str) -> Iterable[Mapping[str, Any]]:
    findings: list[Mapping[str, Any]] = found[kind]
    return findings


def _entry(finding: Mapping[str, Any], severity: str, seen: Counter[str]) -> dict[str, Any]:
    return {
        "check_name": finding["code"],
        "description": finding["message"],
        "fingerprint": _fingerprint(finding, seen),
        "severity": severity,
        "location": {"path": finding["file"], "lines": {"begin": max(1, finding["line"])}},
    }


def _fingerprint(finding: Mapping[str, Any], seen: Counter[str]) -> str:
    """GitLab tells new findings from old ones by it: it does not hang on the line, which other edits move."""
    named = json.dumps([finding["code"], finding["file"], finding["message"]])
    seen[named] += 1
    return hashlib.sha256(f"{seen[named]} {named}".encode()).hexdigest()


if __name__ == "__main__":
    json.dump(report(json.load(sys.stdin)), sys.stdout, indent=2)

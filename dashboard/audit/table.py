"""Entries of the audit log as a table: what each says in a line, its fields before and after, and the CSV. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from metering.audit_log import AuditEntry
from schema.keys import moment_text
from sync.presenting import leaves, value_text

CSV_HEADER = ("id", "at_utc", "person", "action", "what", "before", "after", "address")
_SHOWN_FIELDS = 3
_NAMES = ("commit", "id", "key")
"""Fields that only name something: long, and the last that anybody asks for."""


def field_rows(entry: AuditEntry) -> list[dict[str, str]]:
    """A line for each field that the entry names: what it was, and what it became."""
    before, after = _fields(entry.before), _fields(entry.after)
    return [
        {
            "Field": name,
            "Before": value_text(before[name]) if name in before else "",
            "After": value_text(after[name]) if name in after else "",
        }
        for name in dict.fromkeys([*before, *after])
    ]


def reason_of(entry: AuditEntry) -> str | None:
    """Why it was done, where that was said."""
    return _fields(entry.after).get("reason")


def change_words(entry: AuditEntry) -> str:
    """The first fields in a line, without the reason: `status: active → suspended`."""
    before, after = _fields(entry.before), _fields(entry.after)
    rows = [
        row
        for row in field_rows(entry)
        if row["Field"] != "reason" and before.get(row["Field"]) != after.get(row["Field"])
    ]
    rows.sort(key=lambda row: row["Field"] in _NAMES)
    words = [
        f"{row['Field']}: {row['Before']} → {row['After']}"
        if row["Before"] and row["After"]
        else f"{row['Field']}: {row['After'] or row['Before']}"
        for row in rows[:_SHOWN_FIELDS]
    ]
    more = len(rows) - _SHOWN_FIELDS
    return ", ".join([*words, *([f"{more} more"] if more > 0 else [])])


def table_rows(entries: Iterable[AuditEntry]) -> list[dict[str, str | None]]:
    """The table on the page."""
    return [
        {
            "When, UTC": f"{entry.at:%Y-%m-%d %H:%M:%S}",
            "Person": entry.actor,
            "Action": entry.action,
            "What": entry.target,
            "Change": change_words(entry),
            "Reason": reason_of(entry),
            "Address": entry.address,
        }
        for entry in entries
    ]


def csv_rows(entries: Iterable[AuditEntry]) -> Iterator[list[object]]:
    """The same as lines of a file, with everything before and after as JSON."""
    for entry in entries:
        at = moment_text(entry.at)
        before, after = _json(entry.before), _json(entry.after)
        yield [entry.id, at, entry.actor, entry.action, entry.target, before, after, entry.address]


def _fields(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return leaves(value) if isinstance(value, Mapping) else {"value": value}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)

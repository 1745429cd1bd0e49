"""What releases did to entities: a line for each field that they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.configuration import rate_card
from dashboard.configuration.change_table import change_rows
from dashboard.configuration.rate_card import Event
from dashboard.exports import Csv
from dashboard.formats import MISSING, moment, short_commit
from dashboard.layout import card, card_title
from sync.changes import Action, Change
from sync.current import from_json
from sync.edit.edits import VALUE_FIELD

COLUMNS = ("When", "What", "Field", "Before", "After", "Commit", "Release", "Change", "Author")
_SIDES = ("Before", "After")
_TALL = 12
_WIDTHS = {
    "When": 90,
    "What": 130,
    "Field": 80,
    "Before": 75,
    "After": 145,
    "Release": 75,
    "Change": 150,
    "Author": 110,
    "Commit": 75,
}
"""In this order: what changed fits the wider column of a window of 1,024 pixels."""
_WHOLE: dict[Action, str] = {"create": "added", "delete": "removed"}


def history_rows(kind: str, name: str, events: Sequence[Event]) -> list[dict[str, str]]:
    """The changes of an entity, newest first; `events` are in that order. Pure."""
    found: list[dict[str, str]] = []
    before = None
    for event in reversed(events):
        after = None if event.after is None else from_json(event.after)
        action: Action = "delete" if after is None else "create" if before is None else "update"
        origin = event.origin
        fields = change_rows([Change(action, kind, name, before, after)])
        rows = [
            {
                "When": moment(origin.applied_at),
                "What": row["What"],
                "Field": row["Field"],
                "Before": row["Before"],
                "After": row["After"],
                "Release": origin.label or f"release {origin.release}",
                "Commit": short_commit(origin.commit),
                "Change": origin.title,
                "Author": origin.author,
            }
            for row in (fields if action == "update" else _as_a_whole(fields, _WHOLE[action]))
        ]
        found = rows + found
        before = after
    return found


def _as_a_whole(fields: Sequence[Mapping[str, str]], word: str) -> list[dict[str, str]]:
    """An entity that comes or goes is one line; that of a single value tells the value alone."""
    if not fields:
        return []
    told = {side: ", ".join(_named(row["Field"], row[side]) for row in fields if row[side]) for side in _SIDES}
    return [{"What": fields[0]["What"], "Field": word, **told}]


def _named(field: str, value: str) -> str:
    return value if field == VALUE_FIELD else f"{field.removeprefix(f'{VALUE_FIELD}.')} {value}"


def _shown(row: Mapping[str, str], kind: str) -> dict[str, str]:
    """A line without what the page tells: the hour, and the kind of the entities."""
    return {**row, "When": row["When"].partition(",")[0], "What": row["What"].removeprefix(f"{kind} ")}


def history_card(kind: str, names: Sequence[str], stamp: sources.Stamp, *, note: str, file: str) -> None:
    """The history of entities of a kind, the latest change first."""
    engine = sources.engine()
    by_name = {name: rate_card.history(engine, stamp.text, kind, name) for name in names}
    newest = {name: events[0].origin.release for name, events in by_name.items() if events}
    ordered = sorted(newest, key=lambda name: -newest[name])
    rows = [row for name in ordered for row in history_rows(kind, name, by_name[name])]
    with card(f"history_{file}"):
        csv_file = Csv(file, COLUMNS, lambda: [[row[name] for name in COLUMNS] for row in rows])
        card_title("History", note, csv_file if rows else None)
        if not rows:
            st.caption("No release has changed it yet.")
            return
        st.dataframe(
            pd.DataFrame.from_records([_shown(row, kind) for row in rows], columns=COLUMNS),
            hide_index=True,
            height="content" if len(rows) <= _TALL else 440,
            column_config={name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()},
            column_order=[name for name in _WIDTHS if name != "What" or len(names) > 1],
            placeholder=MISSING,
            key=f"table_{file}",
            alt="History",
        )


__all__ = ["COLUMNS", "history_card", "history_rows"]

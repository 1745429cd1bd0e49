"""CSV of what a page shows: exact amounts as text, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.access import AccessDeniedError
from dashboard.formats import csv_cell, literal

MAY_EXPORT = "may_export"
"""Where the session keeps, from run to run anew, whether its person may take data away."""
STILL_MAY_EXPORT = "still_may_export"
"""Where it keeps a question that reads the role again: a file is asked for after the run, maybe by an old tab."""

Rows = Iterable[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Csv:
    """What a chart or a table offers as a file; the rows are only asked for when somebody wants them."""

    name: str
    """Of the file, without its ending; unique on the page."""
    header: Sequence[str]
    rows: Callable[[], Rows]

    def text(self) -> str:
        """The file's contents."""
        return csv_text(self.header, self.rows())


def csv_text(header: Sequence[str], rows: Rows) -> str:
    """A CSV with one header line. Texts that look like formulas are disarmed; None is an empty cell."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in header])
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return file.getvalue()


def text_while(csv_file: Csv, still_may: Callable[[], bool]) -> str:
    """The file's contents for somebody who may have it at this moment. Raises AccessDeniedError."""
    if not still_may():
        raise AccessDeniedError("Analysts and admins may download.")
    return csv_file.text()


def csv_button(csv_file: Csv) -> None:
    """A button that downloads the file, for analysts and admins."""
    may, still_may = bool(st.session_state.get(MAY_EXPORT)), st.session_state.get(STILL_MAY_EXPORT, bool)
    told = f"Download {literal(csv_file.name)}\\.csv, with exact amounts."
    st.download_button(
        "CSV",
        lambda: text_while(csv_file, still_may),
        file_name=f"{csv_file.name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"csv_{csv_file.name}",
        on_click="ignore",
        disabled=not may,
        help=told if may else "Analysts and admins may download.",
    )

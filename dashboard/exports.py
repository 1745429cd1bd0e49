"""CSV of what a page shows: exact amounts as text, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.formats import csv_cell

MAY_EXPORT = "may_export"
"""Where the session keeps, from run to run anew, whether its person may take data away."""

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


def csv_button(csv_file: Csv) -> None:
    """A button that downloads the file, for analysts and admins."""
    may = bool(st.session_state.get(MAY_EXPORT))
    st.download_button(
        "CSV",
        csv_file.text,
        file_name=f"{csv_file.name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"csv_{csv_file.name}",
        on_click="ignore",
        disabled=not may,
        help="Download what is shown here, with exact amounts." if may else "Analysts and admins may download.",
    )

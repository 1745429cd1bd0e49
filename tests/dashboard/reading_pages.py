"""What stands on a page that AppTest drew."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def labelled(widgets: Any, label: str) -> Any:
    """The first widget with a label."""
    return next(widget for widget in widgets if widget.label == label)


def metrics(app: AppTest) -> dict[str, str]:
    """Numbers by their label."""
    return {metric.label: metric.value for metric in app.metric}


def table(app: AppTest, place: int) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(name): value for name, value in row.items()} for row in app.dataframe[place].value.to_dict("records")]


def diff(app: AppTest) -> str:
    """The diffs on the page."""
    return "\n".join(block.value for block in app.code)

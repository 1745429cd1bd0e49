"""How the dashboard is laid out and configured."""

from __future__ import annotations

import importlib.metadata
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from dashboard.configuration.change_table import change_rows
from sync.changes import Change

TOP = Path(__file__).parents[2]
DASHBOARD = TOP / "dashboard"


def test_no_module_hides_a_package() -> None:
    """Streamlit puts `dashboard/` first on the path, so its modules are importable by their bare names."""
    ours = {path.stem for path in DASHBOARD.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__init__"}
    installed = set(importlib.metadata.packages_distributions()) - {"dashboard"}

    assert ours & (installed | sys.stdlib_module_names | {"schema", "metering", "sync", "config", "tests"}) == set()


def test_no_folder_of_pages_bypasses_the_roles() -> None:
    assert not (DASHBOARD / "pages").exists()


def test_every_page_asks_for_a_role() -> None:
    pages = [path for path in (DASHBOARD / "app_pages").glob("*.py") if path.stem != "__init__"]

    assert len(pages) >= 6
    assert [path.name for path in pages if 'person = require("' not in path.read_text()] == []


def test_the_clone_and_the_package_are_configured_alike() -> None:
    clone = (TOP / ".streamlit" / "config.toml").read_text()

    assert clone == (DASHBOARD / ".streamlit" / "config.toml").read_text()
    settings = tomllib.loads(clone)
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["client"]["toolbarMode"] == "minimal"
    assert settings["theme"]["light"].keys() == settings["theme"]["dark"].keys()


def test_a_plan_is_a_line_for_each_field_that_differs() -> None:
    row = {
        "base": "USD",
        "quote": "ZAR",
        "effective": datetime(2026, 1, 1, tzinfo=UTC),
        "rate_micros": 18_000_000,
        "source_url": None,
    }
    change = Change("update", "rate", "USD/ZAR@2026-01-01", row, row | {"rate_micros": 18_500_000})

    assert change_rows([change]) == [
        {"Action": "update", "What": "rate USD/ZAR@2026-01-01", "Field": "rate", "Before": "18", "After": "18.5"}
    ]

"""The rate card in a few lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dashboard.configuration.at_a_glance import price_summary, provider_rows
from dashboard.configuration.rate_card import Origin, PriceEntry, Status

ORIGIN = Origin(1, "a" * 40, None, "First", "Desk <desk@example.com>", datetime(2026, 1, 1, tzinfo=UTC))


def _model(name: str, *, active: bool = True, kind: str = "llm") -> dict[str, Any]:
    provider, _, model = name.partition("/")
    return {"provider": provider, "model": model, "active": active, "type": kind}


def _entry(name: str, status: Status, margin: int | None, day: int) -> PriceEntry:
    since = datetime(2026, 3, day, tzinfo=UTC)
    row = _model(name) | {"margin_micros": margin, "in_force_from": since, "effective": since}
    return PriceEntry(row, status, ORIGIN, None)


def test_prices_of_active_models_are_summed_up() -> None:
    models = [_model("a/one"), _model("a/two"), _model("b/three"), _model("b/gone", active=False)]
    entries = {
        "a/one": [_entry("a/one", "scheduled", 4_000_000, 9), _entry("a/one", "in force", 3_000_000, 1)],
        "a/two": [_entry("a/two", "in force", 2_000_000, 5), _entry("a/two", "past", 1_000_000, 1)],
        "b/gone": [_entry("b/gone", "in force", 1_000_000, 7)],
    }

    found = price_summary(models, entries)

    assert (found.active, found.priced) == (3, 2)
    assert [entry.row["margin_micros"] for entry in found.scheduled] == [4_000_000]
    assert [entry.key for entry in found.thinnest] == ["a/two", "a/one"]
    assert [entry.key for entry in found.newest] == ["a/two", "a/one"]


def test_a_list_price_has_no_margin_to_compare() -> None:
    found = price_summary([_model("a/one")], {"a/one": [_entry("a/one", "in force", None, 1)]})

    assert found.thinnest == ()
    assert len(found.newest) == 1


def test_active_models_by_provider() -> None:
    models = [
        _model("b/one"),
        _model("a/one"),
        _model("a/two", kind="embedding"),
        _model("a/three"),
        _model("c/gone", active=False),
    ]

    assert provider_rows(models) == [
        {"Provider": "a", "Active": 3, "Types": "2 llm, 1 embedding"},
        {"Provider": "b", "Active": 1, "Types": "1 llm"},
    ]

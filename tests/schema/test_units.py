"""Units agree with each other."""

from __future__ import annotations

from schema.units import DECIMAL_UNITS, INPUT_UNITS, RATE_FALLBACKS, REQUIRED_UNITS, TOKEN_UNITS, UNITS, stored_per_unit


def test_units_are_named_once():
    assert len(set(UNITS)) == len(UNITS)


def test_groups_hold_units():
    for group in (TOKEN_UNITS, INPUT_UNITS, DECIMAL_UNITS, *REQUIRED_UNITS.values()):
        assert set(group) <= set(UNITS)


def test_fallbacks_end_at_units_without_one():
    for unit, others in RATE_FALLBACKS.items():
        assert unit not in others
        assert others[-1] in ("input", "output")


def test_stored_parts():
    assert stored_per_unit("input") == 1
    assert stored_per_unit("video_second") == 1_000_000

"""How changes look: better, worse, or neither."""

from __future__ import annotations

import pytest

from dashboard.judging import judged


@pytest.mark.parametrize(
    ("delta", "good", "colour"),
    [
        ("+1.2%", "up", "normal"),
        ("-1.2 pp", "up", "normal"),
        ("+0.1%", "down", "inverse"),
        ("-0.1%", "neither", "off"),
        ("0.0%", "up", "off"),
        ("0.0 pp", "down", "off"),
        ("$0.00", "up", "off"),
        ("+$0.01", "up", "normal"),
        ("+0", "up", "off"),
        ("+10", "up", "normal"),
        (None, "up", "off"),
    ],
)
def test_only_what_changed_is_judged(delta, good, colour):
    assert judged(delta, good) == {
        "delta": delta,
        "delta_color": colour,
        "delta_arrow": "off" if colour == "off" else "auto",
    }

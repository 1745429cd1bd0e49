"""How a change looks beside its number: better in green, worse in red, and neither where nothing changed. Pure."""

from __future__ import annotations

import re
from typing import Literal, TypedDict

Good = Literal["up", "down", "neither"]
"""Which way is the better one; neither for what is only told, such as a running day against a whole one."""
_NO_CHANGE = re.compile(r"[+-]?\$?0(\.0+)?(%| pp)?")


class Judged(TypedDict):
    """What `st.metric` takes for it."""

    delta: str | None
    delta_color: Literal["normal", "inverse", "off"]
    delta_arrow: Literal["auto", "off"]


def judged(delta: str | None, good: Good = "up") -> Judged:
    """A change in words as `formats.change` and `points` write them, or None."""
    if delta is None or good == "neither" or _NO_CHANGE.fullmatch(delta):
        return {"delta": delta, "delta_color": "off", "delta_arrow": "off"}
    return {"delta": delta, "delta_color": "inverse" if good == "down" else "normal", "delta_arrow": "auto"}


__all__ = ["Good", "Judged", "judged"]

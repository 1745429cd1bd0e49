"""UTC days on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import date

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_day(text: str) -> date:
    """The day that an argument names; raises argparse.ArgumentTypeError."""
    try:
        # fromisoformat alone would also read week dates and dates without dashes.
        return date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date such as 2026-01-31") from None


__all__ = ["read_day"]

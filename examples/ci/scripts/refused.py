"""What an apply of a plan would refuse: the unsafe entries of the JSON file that nobody has approved, a line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def refused(plan: Mapping[str, Any]) -> Iterator[str]:
    """A line an unapproved entry, such as `price openai/gpt-4o@2026-01-01: … [PRICE_IN_EFFECT]`."""
    for unsafe in plan["unsafe"]:
        if "approved" not in unsafe:
            yield f"{unsafe['key']}: {unsafe['message']} [{unsafe['code']}]"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in refused(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))

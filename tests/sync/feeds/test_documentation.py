from __future__ import annotations

from pathlib import Path

import pytest

from sync.feeds.importing import LEFT
from sync.feeds.listing import REASONS

PAGE = (Path(__file__).parents[3] / "docs" / "feeds.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("codes", [LEFT, REASONS], ids=["left", "reasons"])
def test_every_code_is_on_the_page(codes):
    table = "".join(f"| `{code}` | {text} |\n" for code, text in sorted(codes.items()))
    assert f"|---|---|\n{table}\n" in PAGE

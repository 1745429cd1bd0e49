from __future__ import annotations

import io

import pytest

from sync import progress
from sync.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_now_and_then_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 4.9, 5.0, 5.0, 9.0, 12.0, 12.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(moments))
    stream = io.StringIO()
    with Progress("import", stream) as shown:
        for done in (5_000, 10_000, 15_000, 20_000):
            shown(done, 20_000)
    assert stream.getvalue() == "import: 10,000 of 20,000 rows (50 %)\nimport: 20,000 of 20,000 rows (100 %)\n"


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    with Progress("import", stream) as shown:
        shown(5_000, 20_000)
        shown(20_000, 20_000)
    last = stream.getvalue().split("\r")[-1]
    assert last.startswith("import: 100%|")
    assert "20.0k/20.0k" in last

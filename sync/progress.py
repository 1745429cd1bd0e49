"""Progress on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Any, TextIO

EVERY_SECONDS = 5
"""Between two lines where there is no terminal."""


class Progress:
    """Called with the rows that are done and the rows that there are."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title = title
        self._stream = stream
        self._bar: Any = None
        self._said = monotonic()

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, whole: int) -> None:
        """Show that `done` of `whole` are done."""
        if self._stream.isatty():
            self._show(done, whole)
        elif monotonic() - self._said >= EVERY_SECONDS:
            self._said = monotonic()
            percent = 100 * done // whole
            self._stream.write(f"{self._title}: {done:,} of {whole:,} rows ({percent} %)\n")
            self._stream.flush()

    def _show(self, done: int, whole: int) -> None:
        if self._bar is None:
            from tqdm import tqdm  # type: ignore[import-untyped]

            self._bar = tqdm(total=whole, desc=self._title, unit=" rows", unit_scale=True, file=self._stream)
        self._bar.update(done - self._bar.n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

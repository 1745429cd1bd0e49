from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.trees import config_tree
from sync.checks import validate_files


def test_tree_has_the_size_that_was_asked_for_and_no_fault() -> None:
    files = {path: text.encode() for path, text in config_tree(250, 3).items()}
    validation = validate_files(files, "config", datetime(2026, 6, 1, tzinfo=UTC))
    assert (validation.errors, validation.warnings) == ((), ())
    assert (validation.counts["provider"], validation.counts["model"], validation.counts["price"]) == (3, 250, 750)


def test_tree_is_the_same_every_time() -> None:
    assert config_tree(120) == config_tree(120)

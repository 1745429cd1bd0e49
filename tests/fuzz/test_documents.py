"""Ten thousand mutated trees: no exception, and no wrong acceptance.

Each tree is made from its number alone: a failure names it, and `make(kind, number)` makes it again.
"""

from __future__ import annotations

from random import Random

import pytest

from sync.checks import validate_files
from tests.fuzz.bytes_of_files import mutate_bytes
from tests.fuzz.invariants import check_acceptance, check_findings
from tests.fuzz.structures import mutate_structure
from tests.fuzz.trees import ADMINS, NOW, Files, base_trees

CHUNK = 500
MUTATIONS = {"structure": (mutate_structure, 6_000), "bytes": (mutate_bytes, 4_000)}
CHUNKS = [(kind, first) for kind, (_, count) in MUTATIONS.items() for first in range(0, count, CHUNK)]


def make(kind: str, number: int) -> Files:
    """The mutated tree of a number."""
    random = Random(f"{kind} {number}")
    return MUTATIONS[kind][0](random.choice(base_trees()), random)


def judge(files: Files) -> bool:
    """Whether the tree is accepted; raises AssertionError when it should not be."""
    validation = validate_files(files, "config", NOW, ADMINS)
    check_findings(validation, files)
    if validation.ok:
        check_acceptance(validation, files)
    return validation.ok


@pytest.mark.parametrize("files", base_trees())
def test_what_is_mutated_is_right(files: Files) -> None:
    assert judge(files)


@pytest.mark.parametrize(("kind", "first"), CHUNKS)
def test_mutated_trees_are_judged_rightly(kind: str, first: int) -> None:
    accepted = 0
    for number in range(first, first + CHUNK):
        files = make(kind, number)
        try:
            accepted += judge(files)
        except Exception as error:
            changed = [path for path in files if all(files[path] != base.get(path) for base in base_trees())]
            raise AssertionError(f"make({kind!r}, {number}), changed: {changed}: {error!r}") from error
    # Mutations that are all refused, or all harmless, would show nothing.
    assert CHUNK // 20 < accepted < CHUNK * 9 // 10


def test_the_same_number_makes_the_same_tree() -> None:
    assert make("structure", 7) == make("structure", 7)
    assert make("bytes", 7) == make("bytes", 7)

"""What doctor and Health say of the meters that run. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from metering.book.ratebook import Version
from metering.runtimes.listing import Listing, RunningMeter
from sync.doctor.runtimes import check_runtimes

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def meter(program: str, **values: Any) -> RunningMeter:
    """A meter that serves release 12 and was heard of just now."""
    given = {
        "host": "host-1",
        "process_id": 7,
        "version": "1",
        "release": 12,
        "edits": 0,
        "book_age": timedelta(),
        "started_at": NOW,
        "seen_at": NOW,
        "ahead": timedelta(),
        "behind_since": None,
        "late": False,
        "silent": False,
    }
    return RunningMeter(program=program, **(given | values))


def said(*meters: RunningMeter, edits: int = 0) -> list[tuple[str, str]]:
    return [(check.level, check.message) for check in check_runtimes(Listing(NOW, Version(12, edits), meters))]


def test_nobody_runs() -> None:
    assert said() == [("ok", "no meter runs; a program is listed a second after it has opened one")]


def test_all_serve_the_newest_release() -> None:
    assert said(meter("a")) == [("ok", "1 runtime serves release 12")]
    assert said(meter("a"), meter("b"), meter("c")) == [("ok", "3 runtimes serve release 12")]


def test_who_is_behind_is_a_warning_once_it_is_late() -> None:
    old = {"release": 11, "behind_since": NOW - 4 * MINUTE}

    assert said(meter("a"), meter("b.py", **old)) == [
        ("ok", "1 runtime serves release 12"),
        ("ok", "1 runtime is at release 11, behind for 4 min"),
    ]
    assert said(meter("b.py", **old), meter("c.py", late=True, **old)) == [
        (
            "warn",
            "2 runtimes are at release 11, behind for 4 min: b.py on host-1 (process 7), c.py on host-1 (process 7)",
        )
    ]


def test_an_edit_in_the_database_that_is_not_known() -> None:
    assert said(meter("a", behind_since=NOW - 2 * MINUTE, late=True), edits=1) == [
        ("warn", "1 runtime is at release 12 without the last edit, behind for 2 min: a on host-1 (process 7)")
    ]


def test_a_release_that_the_database_has_lost() -> None:
    ((level, words),) = said(meter("a", release=13))
    assert (level, words) == (
        "warn",
        "1 runtime is at release 13, which the database does not have: a on host-1 (process 7)",
    )


def test_who_fell_silent_counts_no_more_as_behind() -> None:
    silent = meter("b", silent=True, seen_at=NOW - 9 * MINUTE, release=11, behind_since=NOW - 4 * MINUTE, late=True)

    assert said(meter("a"), silent) == [
        ("ok", "1 runtime serves release 12"),
        ("warn", "b on host-1 (process 7) was last heard of 9 min ago, at release 11"),
    ]


def test_a_wrong_clock() -> None:
    assert said(meter("a", ahead=timedelta(hours=-2)), meter("b", ahead=timedelta(seconds=5))) == [
        ("ok", "2 runtimes serve release 12"),
        ("warn", "the clock of a on host-1 (process 7) is 2 h behind the database's: it prices by other moments"),
    ]


def test_of_many_some_are_named() -> None:
    checks = said(*(meter(f"p{number}", silent=True, seen_at=NOW - 9 * MINUTE) for number in range(9)))

    assert len(checks) == 6
    assert checks[-1] == ("warn", "and 4 runtimes more fell silent")
    late = said(*(meter(f"p{number}", release=11, behind_since=NOW, late=True) for number in range(9)))
    assert late[0][1].endswith("p4 on host-1 (process 7) and 4 more")

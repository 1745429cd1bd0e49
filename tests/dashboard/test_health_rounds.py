"""Looking at many things at once: each finds its own, and nobody is waited for too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from dashboard.health.rounds import Rounds, worst
from sync.doctor.finding import Check


def test_each_look_finds_its_own_and_a_fault_is_a_finding() -> None:
    def broken() -> Iterator[Check]:
        yield Check("b", "ok", "so far so good")
        raise KeyError("secret")

    reports = Rounds().make({"a": lambda: [Check("a", "warn", "hm", "mend it")], "b": broken}, seconds=20)

    assert [(report.name, report.level) for report in reports] == [("a", "warn"), ("b", "fail")]
    assert [check.message for check in reports[1].checks] == ["the check failed: KeyError"]
    assert all(report.seconds is not None for report in reports)


def test_a_look_that_does_not_come_back_is_told_and_not_begun_again() -> None:
    go_on, begun = threading.Event(), []

    def slow() -> list[Check]:
        begun.append(1)
        go_on.wait()
        return [Check("slow", "ok", "at last")]

    rounds = Rounds()
    looks = {"slow": slow, "fast": lambda: [Check("fast", "ok", "here")]}
    for _ in range(3):
        slow_report, fast_report = rounds.make(looks, seconds=0.2)
        assert (slow_report.level, slow_report.seconds) == ("fail", None)
        assert slow_report.checks[0].message == "no answer within 0.2 s"
        assert fast_report.checks[0].message == "here"
    assert begun == [1]

    go_on.set()

    assert rounds.make(looks, seconds=20)[0].checks[0].message == "at last"


def test_the_worst_level() -> None:
    assert worst([]) == "ok"
    assert worst(["ok", "fail", "warn"]) == "fail"

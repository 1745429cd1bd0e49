from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from metering.book.entities import Pack, Plan
from schema.tables.base import utc_text
from sync.demo.customers import Rungs, customers, packs_by_size
from sync.demo.rhythm import DAYS, Rhythm
from sync.demo.traces import WHOLE, read_trace, read_traces

ANCHOR = datetime(2026, 11, 20, 16, 30, 5, tzinfo=UTC)


def plan(slug: str, monthly: int | None, *, active: bool = True) -> Plan:
    return Plan(slug, slug, active, monthly, None, "USD", 0, "basic", 0, "block", {}, ())


def pack(name: str, price: int, *, active: bool = True) -> Pack:
    return Pack(name, price, "USD", 1, 0, None, active)


def test_the_package_carries_both_traces_with_their_licence() -> None:
    code, conv = list(read_trace("code")), list(read_trace("conv"))
    assert (len(code), len(conv)) == (8_819, 19_366)
    assert code[0] == ("code", 1, 4_808, 10, 0)
    assert conv[-1][:2] == ("conv", 19_366)
    assert (code[-1].part, conv[-1].part) == (WHOLE, WHOLE)
    data = files("sync.demo") / "data"
    assert "Attribution 4.0 International" in (data / "LICENSE").read_text(encoding="utf-8-sig")
    assert "https://github.com/Azure/AzurePublicDataset" in (data / "ATTRIBUTION.md").read_text(encoding="utf-8")


def test_calls_come_in_order_and_keep_their_trace() -> None:
    calls = read_traces()
    assert len(calls) == len({call[:2] for call in calls}) == 28_185
    assert [call.part for call in calls] == sorted(call.part for call in calls)
    for name in ("code", "conv"):
        numbers = [call.number for call in calls if call.trace == name]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    "anchor",
    [
        ANCHOR,
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 20, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_window_is_ninety_days_to_the_anchor(anchor: datetime) -> None:
    rhythm = Rhythm(anchor)
    assert rhythm.start == datetime(2026, 8, 23, tzinfo=UTC)
    assert rhythm.moment(0, WHOLE) == rhythm.start
    assert rhythm.moment(WHOLE, WHOLE) == anchor
    moments = [rhythm.moment(call.part, WHOLE) for call in read_traces()]
    assert moments == sorted(moments)
    assert len({moment.date() for moment in moments}) == DAYS


def test_days_have_their_weight() -> None:
    rhythm = Rhythm(datetime(2026, 11, 22, tzinfo=UTC) - timedelta(seconds=1))
    days = Counter((rhythm.moment(part, 10**5) - rhythm.start).days for part in range(10**5))
    first = rhythm.start.weekday()
    weekend = sum(count for day, count in days.items() if (first + day) % 7 >= 5)
    assert 0.13 < weekend / 10**5 < 0.17
    later = sum(count for day, count in days.items() if day >= 45)
    assert 0.55 < later / 10**5 < 0.60
    hours = Counter(rhythm.moment(part, 10**5).hour for part in range(10**5))
    assert hours.most_common(1)[0][0] == 15
    assert min(hours, key=hours.__getitem__) == 3


def test_rungs_of_a_ladder_of_plans() -> None:
    plans = [plan("free", 0), plan("pro", 19), plan("top", 49), plan("old", 99, active=False), plan("deal", None)]
    assert Rungs.of({one.slug: one for one in plans}, "free") == Rungs("free", "pro", "top", "deal")
    assert Rungs.of({"free": plan("free", 0)}, "free") == Rungs("free", "free", "free", "free")


def test_packs_by_size() -> None:
    packs = [pack("m", 15), pack("s", 5), pack("old", 1, active=False), pack("l", 40)]
    assert {size: one.name for size, one in packs_by_size({one.name: one for one in packs}).items()} == {
        "small": "s",
        "middle": "m",
        "large": "l",
    }
    assert packs_by_size({}) == {}


def test_sixty_customers_act_in_order() -> None:
    told = customers(Rungs("free", "pro", "premium", "enterprise"))
    assert [one.number for one in told] == list(range(1, 61))
    assert len({one.name for one in told}) == 60
    running = Counter(one.steps[-1].plan for one in told)
    assert running == {"free": 34, "pro": 14, "premium": 6, "enterprise": 6}
    for one in told:
        begins = [one.moment(ANCHOR, step.days) for step in one.steps]
        assert begins == sorted(set(begins))
        assert one.joined(ANCHOR) == begins[0] >= ANCHOR - timedelta(days=366)
        assert one.plan_at(ANCHOR, ANCHOR) == one.steps[-1].plan
        assert utc_text(begins[-1]) <= utc_text(ANCHOR)
    assert {one.user(draw) for one in told[:1] for draw in range(100)} == {
        f"user-0001-{number:02d}" for number in range(1, told[0].users + 1)
    }

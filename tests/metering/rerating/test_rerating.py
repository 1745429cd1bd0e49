"""Re-rating: what it shows is what it writes, once; refunds stay, and undated kinds are those of the event's time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from metering.analytics import Period, attention, usage_by
from metering.book.ratebook import RateBook
from metering.corrections.corrections import correct
from metering.errors import RerateError, UnknownAccountError, UnregisteredModelError
from metering.meter import Meter
from metering.rerating import Scope, Written, writing
from metering.usage import Usage
from schema.database import reading
from schema.database import writing as write_transaction
from schema.tables import CONFIG_TABLES, audit_log, ledger_postings, usage_adjustments, usage_events
from tests.metering.rate_card import JANUARY, NOW, Clock, apply_rows, change, model_row, per_million, price_row

UNITS = {"input": 1_000, "output": 200}
"""At haiku's price of January 0.002 USD, at three times that: 0.006; at June's 0.0016 and 0.0048."""
MAY = datetime(2026, 5, 10, 9, tzinfo=UTC)
YEAR = Scope(date(2026, 1, 1))
BY = "Price Desk <prices@example.com>"
FEATURE = {
    "feature": "web_search",
    "display_name": None,
    "description": None,
    "cost_type": "per_use",
    "amount_pico": 10**10,
    "multiplier_micros": 10**6,
    "plan_overrides": {},
    "billable": True,
    "mode": "add",
}
"""0.01 USD a use."""

pytestmark = pytest.mark.usefixtures("ledger_agrees")


def record(meter: Meter, event_id: str, model: str = "haiku", account: str = "a", **values: Any) -> None:
    values = {"occurred_at": MAY, "units": UNITS, "provider": "anthropic"} | values
    meter.record(Usage(event_id=event_id, account=account, model=model, **values))


def dearer(engine: Engine, factor: int = 2) -> int:
    """Correct haiku's price of January: it was `factor` times as high all the time."""
    rates = per_million(input=str(factor), output=str(5 * factor))
    row = change("price", {"provider": "anthropic", "model": "haiku", "effective": JANUARY}, rates=rates)
    return apply_rows(engine, {"price": [row]})


def rerate(meter: Meter, scope: Scope = YEAR) -> Written:
    return meter.rerating.write(meter.rerating.survey(scope), by=BY)


def adjustments(engine: Engine) -> list[tuple[int, int]]:
    table = usage_adjustments.c
    with reading(engine) as connection:
        rows = connection.execute(select(table.cost_nanos, table.charge_nanos).order_by(table.id))
        return [(cost, charge) for cost, charge in rows]


def charges(engine: Engine) -> tuple[int, int, int]:
    """Cost, charge and revenue of all usage, in nano-USD."""
    with reading(engine) as connection:
        (row,) = usage_by(connection, (), Period())
    return row.cost_nanos, row.charge_nanos, row.revenue_nanos


def test_a_survey_shows_what_is_written_and_a_second_run_writes_nothing(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("a", "purchase", key="pack", usd=1, paid=1, starts_at=JANUARY)
    for number in range(3):
        record(meter, f"may-{number}")
    record(meter, "june", occurred_at=NOW)
    record(meter, "other", "sonnet", account="b")
    release = dearer(card)
    found = meter.rerating.survey(YEAR)
    total = found.total
    assert (total.events, total.changed, total.billed, total.unpriced, found.writes) == (5, 3, 0, 0, 3)
    assert (total.cost_delta_nanos, total.charge_delta_nanos) == (3 * 2_000_000, 3 * 6_000_000)
    assert list(found.models) == ["anthropic/haiku", "anthropic/sonnet"]
    assert {name: tally.charge_delta_nanos for name, tally in found.accounts.items()} == {"a": 18_000_000}
    assert adjustments(card) == []

    written = meter.rerating.write(found, by=BY)
    assert written == Written(release, 3, 0, 6_000_000, 18_000_000, 18_000_000)
    assert adjustments(card) == [(2_000_000, 6_000_000)] * 3
    assert meter.balance("a").balance_nanos == 10**9 - 3 * 12_000_000 - 4_800_000

    again = meter.rerating.survey(YEAR)
    assert (again.total.events, again.writes) == (5, 0)
    assert meter.rerating.write(found, by=BY) == Written(release, 0, 3)
    assert len(adjustments(card)) == 3
    with reading(card) as connection:
        log = connection.execute(select(audit_log)).mappings().all()
    assert [(row["actor"], row["action"], row["target"]) for row in log] == [(BY, "rerate", f"release {release}")]
    assert log[0]["after"] == {
        "from": "2026-01-01",
        "to": None,
        "model": None,
        "account": None,
        "only_unpriced": False,
        "undated_now": False,
        "events": 3,
        "cost_delta_nanos": 6_000_000,
        "charge_delta_nanos": 18_000_000,
    }


def test_a_lower_price_gives_back_what_was_burned(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("a", "purchase", key="pack", usd=Decimal("0.004"), paid=Decimal("0.002"), starts_at=JANUARY)
    record(meter, "1")
    assert charges(card) == (2_000_000, 6_000_000, 2_000_000 + 2_000_000)
    rates = per_million(input="0.5", output="2.5")
    row = change("price", {"provider": "anthropic", "model": "haiku", "effective": JANUARY}, rates=rates)
    apply_rows(card, {"price": [row]})
    assert rerate(meter).charge_delta_nanos == -3_000_000
    # Overage goes first, then a quarter of the purchased credit comes back.
    assert charges(card) == (1_000_000, 3_000_000, 1_500_000)
    assert meter.balance("a").balance_nanos == 1_000_000


def test_a_rerating_can_be_rerated(meter: Meter, card: Engine) -> None:
    """Each release has the last word, and going back and forth leaves no rest."""
    record(meter, "1")
    for factor in (2, 3, 1):
        dearer(card, factor)
        rerate(meter)
        assert charges(card)[:2] == (2_000_000 * factor, 6_000_000 * factor)
    assert adjustments(card) == [(2_000_000, 6_000_000), (2_000_000, 6_000_000), (-4_000_000, -12_000_000)]


def test_back_dated_prices_reach_history(meter: Meter, card: Engine) -> None:
    """Langfuse 12184: there, a price that is entered late never reaches the calls of before."""
    record(meter, "1")
    apply_rows(card, {"price": [price_row("anthropic", "haiku", datetime(2026, 5, 1, tzinfo=UTC))]})
    rerate(meter)
    assert charges(card)[:2] == (2_000_000, 2_000_000)
    with reading(card) as connection:
        assert connection.execute(select(usage_adjustments.c.price_id)).scalar_one() is not None


def test_unpriced_events_are_billed(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("a", "promo", key="k", usd=1, starts_at=JANUARY)
    record(meter, "no price", "unpriced")
    record(meter, "not registered", "brand-new")
    record(meter, "free of charge", "gift")
    record(meter, "no provider", "newest", provider=None)
    with reading(card) as connection:
        assert sum(one.count for one in attention(connection, NOW.date()) if one.code == "UNPRICED_EVENTS") == 4
    apply_rows(
        card,
        {
            "model": [model_row("anthropic", "gift"), model_row("openai", "big", aliases=["newest"])],
            "price": [
                price_row("anthropic", "unpriced"),
                price_row("anthropic", "gift", rates=per_million(input="0", output="0")),
                price_row("openai", "big"),
            ],
        },
    )
    total = meter.rerating.survey(YEAR).total
    assert (total.events, total.billed, total.unpriced) == (4, 3, 1)
    assert rerate(meter, Scope(date(2026, 5, 10), date(2026, 5, 11), only_unpriced=True)).adjustments == 3
    assert charges(card)[:2] == (4_000_000, 4_000_000)
    with reading(card) as connection:
        (left,) = [one for one in attention(connection, NOW.date()) if one.code == "UNPRICED_EVENTS"]
    assert (left.count, left.target) == (1, "anthropic/brand-new")
    assert meter.rerating.survey(YEAR).writes == 0


def test_what_has_no_price_any_more_stays_as_it_is(meter: Meter, card: Engine) -> None:
    record(meter, "1", "retired")
    row = change("price", {"provider": "anthropic", "model": "retired"}, effective=NOW, in_force_from=NOW)
    key = {"provider": "anthropic", "model": "retired", "effective": JANUARY}
    with write_transaction(card) as connection:
        table = CONFIG_TABLES["price"].table
        same = [table.c[name] == value for name, value in key.items()]
        connection.execute(table.update().where(*same).values(retired_release=1))
    apply_rows(card, {"price": [row]})
    total = meter.rerating.survey(YEAR).total
    assert (total.events, total.unpriced, total.charge_delta_nanos) == (1, 1, 0)
    assert rerate(meter).adjustments == 0
    assert charges(card)[:2] == (2_000_000, 4_000_000)


@pytest.mark.parametrize(
    ("refunded", "factor", "change_nanos", "left"),
    [
        pytest.param(2_000_000, 2, 6_000_000, 10_000_000, id="a part was refunded, and it comes to more"),
        pytest.param(6_000_000, 2, 0, 0, id="all was refunded: it is not charged again"),
        pytest.param(6_000_000, 0, 0, 0, id="all was refunded, and it comes to nothing"),
        pytest.param(4_000_000, 0, -2_000_000, 0, id="no more is given back than is charged"),
    ],
)
def test_refunds_stay(meter: Meter, card: Engine, refunded: int, factor: int, change_nanos: int, left: int) -> None:
    meter.wallets.grant("a", "promo", key="k", usd=1, starts_at=JANUARY)
    record(meter, "1")
    with write_transaction(card) as connection:
        book = RateBook.load(connection, now=NOW)
        usage_id = connection.execute(select(usage_events.c.id)).scalar_one()
        correct(
            connection,
            usage_id,
            cost_delta_nanos=0,
            charge_delta_nanos=-refunded,
            key="goodwill",
            reason="refund",
            book=book,
            now=NOW,
        )
    dearer(card, factor)
    found = meter.rerating.survey(YEAR)
    assert found.total.charge_delta_nanos == change_nanos
    meter.rerating.write(found, by=BY)
    assert charges(card)[:2] == (2_000_000 * factor, left)
    assert meter.rerating.survey(YEAR).writes == 0


def test_filters_choose_days_models_and_accounts(meter: Meter, card: Engine) -> None:
    for account in ("a", "b"):
        for day in range(1, 5):
            record(meter, f"{account}{day}", account=account, occurred_at=MAY.replace(day=day))
        record(meter, f"{account} sonnet", "sonnet", account=account)
    dearer(card)
    day = date(2026, 5, 2)
    for scope, events, writes in (
        (Scope(day), 8, 6),
        (Scope(day, date(2026, 5, 4)), 4, 4),
        (Scope(day, day), 0, 0),
        (Scope(day, account="a"), 4, 3),
        (Scope(day, model="small"), 6, 6),
        (Scope(day, model="anthropic/haiku", account="b"), 3, 3),
        (Scope(day, model="anthropic/sonnet"), 2, 0),
        (Scope(day, only_unpriced=True), 0, 0),
    ):
        found = meter.rerating.survey(scope)
        assert (found.total.events, found.writes) == (events, writes), scope
    with pytest.raises(UnknownAccountError):
        meter.rerating.survey(Scope(day, account="nobody"))
    with pytest.raises(UnregisteredModelError, match="did you mean 'anthropic/haiku'"):
        meter.rerating.survey(Scope(day, model="anthropic/haikus"))


def test_undated_kinds_are_those_at_recording(meter: Meter, card: Engine) -> None:
    record(meter, "level", reasoning_level="advanced")
    record(meter, "task", task="extraction")
    apply_rows(
        card,
        {
            "reasoning": [{"level": "advanced", "multiplier_micros": 3_000_000}],
            "task": [{"task": "extraction", "description": None, "billable": False}],
        },
    )
    assert meter.rerating.survey(YEAR).writes == 0
    dearer(card)
    found = meter.rerating.survey(YEAR)
    # Cost 0.0025 and 0.002 as recorded, twice that now, at three times; both still by the rules of their time.
    assert (found.total.cost_delta_nanos, found.total.charge_delta_nanos) == (4_500_000, 13_500_000)
    now = meter.rerating.survey(Scope(YEAR.start, undated_now=True))
    # 1,000 input at 2 and 600 output at 10 USD a million; and a task that is not billed.
    assert now.total.cost_delta_nanos == (8_000_000 - 2_500_000) + (4_000_000 - 2_000_000)
    assert now.total.charge_delta_nanos == (24_000_000 - 7_500_000) - 6_000_000
    meter.rerating.write(now, by=BY)
    assert charges(card)[:2] == (12_000_000, 24_000_000)


def test_what_a_feature_charged_stays_when_a_price_is_corrected(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"feature": [FEATURE]})
    record(meter, "beside a model", feature="web_search")
    meter.record(Usage(event_id="alone", account="a", feature="web_search", occurred_at=MAY))
    assert charges(card)[:2] == (2_000_000, 26_000_000)
    assert meter.rerating.survey(YEAR).writes == 0
    dearer(card)
    rerate(meter)
    assert charges(card)[:2] == (4_000_000, 32_000_000)
    assert meter.rerating.survey(YEAR).writes == 0


def test_a_feature_without_a_model_is_charged_by_the_amount_of_now_when_asked(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"feature": [FEATURE]})
    meter.record(Usage(event_id="alone", account="a", feature="web_search", occurred_at=MAY))
    apply_rows(card, {"feature": [FEATURE | {"amount_pico": 3 * 10**10}]})
    assert meter.rerating.survey(YEAR).writes == 0
    rerate(meter, Scope(YEAR.start, undated_now=True))
    assert charges(card)[:2] == (0, 30_000_000)


def test_the_plan_at_the_events_time_decides(meter: Meter, card: Engine) -> None:
    record(meter, "1", account="free one")
    assert charges(card)[1] == 6_000_000
    row = change(
        "price",
        {"provider": "anthropic", "model": "haiku", "effective": JANUARY},
        plan_margins={"pro": 2_500_000, "free": 4_000_000},
    )
    apply_rows(card, {"price": [row]})
    rerate(meter)
    assert charges(card)[1] == 8_000_000


def test_a_release_that_lands_in_between_stops_the_writing(meter: Meter, card: Engine) -> None:
    record(meter, "1")
    dearer(card, 2)
    found = meter.rerating.survey(YEAR)
    dearer(card, 3)
    with pytest.raises(RerateError, match="release 3 landed since release 2 was surveyed"):
        meter.rerating.write(found, by=BY)
    assert adjustments(card) == []


class PowerCutError(Exception):
    """What ends a run in its middle."""


def test_an_interrupted_run_is_completed_by_another(
    meter: Meter, card: Engine, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 4)
    for number in range(10):
        record(meter, str(number), account=f"account {number % 3}")
    dearer(card)
    steps = []

    def cut(done: int, whole: int) -> None:
        steps.append((done, whole))
        if done == 8:
            raise PowerCutError

    found = meter.rerating.survey(YEAR)
    with pytest.raises(PowerCutError):
        meter.rerating.write(found, by=BY, progress=cut)
    assert (steps, len(adjustments(card))) == ([(4, 10), (8, 10)], 8)
    clock.forward(hours=1)
    rest = meter.rerating.survey(YEAR)
    assert rest.writes == 2
    assert meter.rerating.write(rest, by=BY).adjustments == 2
    # The first survey again: all of it is done.
    assert meter.rerating.write(found, by=BY) == Written(2, 0, 10)
    assert adjustments(card) == [(2_000_000, 6_000_000)] * 10
    with reading(card) as connection:
        keys = select(func.count(usage_adjustments.c.idempotency_key.distinct()))
        assert connection.execute(keys).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(audit_log)).scalar_one() == 2


def test_runs_at_once_and_beside_recording_adjust_once(
    meter: Meter, card: Engine, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 5)
    accounts = [f"account {number}" for number in range(4)]
    for number in range(40):
        record(meter, str(number), account=accounts[number % 4])
    dearer(card)
    found = meter.rerating.survey(YEAR)

    def run(number: int) -> int:
        with Meter.open(migrated_url, now=lambda: NOW, listen=False) as other:
            if number < 3:
                return other.rerating.write(found, by=BY).adjustments
            for event in range(10):
                record(other, f"{number}-{event}", account=accounts[event % 4])
            return 0

    with ThreadPoolExecutor(5) as threads:
        assert sum(threads.map(run, range(5))) == 40
    assert adjustments(card) == [(2_000_000, 6_000_000)] * 40
    # 40 events at the old price with as much again, and 20 at the new one from the start.
    assert charges(card)[:2] == (60 * 4_000_000, 60 * 12_000_000)


def test_late_events_are_found_in_chunks(meter: Meter, card: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from metering.rerating import events

    monkeypatch.setattr(events, "CHUNK", 3)
    for number in range(7):
        record(meter, str(number), occurred_at=MAY - timedelta(days=number))
    dearer(card)
    steps: list[tuple[int, int]] = []
    found = meter.rerating.survey(YEAR, lambda done, whole: steps.append((done, whole)))
    assert (found.writes, steps) == (7, [(3, 7), (6, 7), (7, 7)])


def test_postings_name_the_release(meter: Meter, card: Engine) -> None:
    record(meter, "1")
    dearer(card)
    rerate(meter)
    row = ledger_postings.c
    with reading(card) as connection:
        found = connection.execute(select(row.kind, row.amount_nanos, row.note).order_by(row.id)).all()
    assert [tuple(one) for one in found] == [
        ("debit", -6_000_000, None),
        ("adjustment", -6_000_000, "re-rated by release 2"),
    ]

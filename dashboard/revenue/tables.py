"""The tables of recurring revenue: records to show (amounts as floats of USD), and CSV with exact amounts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from dashboard.exports import Csv
from dashboard.formats import dollars
from dashboard.revenue.charts import WORDS, month_text
from metering.analytics.movements import KINDS, MrrMonth
from metering.analytics.recurring import Movement, PlanSubscribers
from metering.analytics.trials import Trial, TrialMonth
from schema.money import round_half_even, usd_text

Record = dict[str, Any]

MRR_MONEY = ("Starting", *WORDS.values(), "Ending", "ARPU")


def _share(part: int, total: int) -> float | None:
    return round(part / total, 3) if total else None


def some(nanos: int) -> float | None:
    """An amount of USD; nothing where there is none, so that a table shows what there is."""
    return dollars(nanos) if nanos else None


def month_key(month: date) -> str:
    """A month in an address: `2026-11`."""
    return f"{month:%Y-%m}"


def mrr_records(months: Sequence[MrrMonth]) -> list[Record]:
    """The balances and what lies between them, newest month first."""
    return [
        {
            "Month": month_text(row.month),
            "Starting": dollars(row.starting_nanos),
            **{WORDS[kind]: some(row.nanos[kind]) for kind in KINDS},
            "Ending": dollars(row.ending_nanos),
            "Accounts": row.ending_accounts,
            "ARPU": None if row.arpu_nanos is None else dollars(row.arpu_nanos),
            "MRR churn": _share(-row.nanos["churn"], row.starting_nanos),
            "Account churn": _share(row.moved["churn"], row.starting_accounts),
        }
        for row in reversed(months)
    ]


def mrr_csv(months: Sequence[MrrMonth], name: str = "mrr-by-month") -> Csv:
    """The same, exactly; with the numbers of movements."""
    header = ["month", "last_day", "starting_usd", *(f"{kind}_usd" for kind in KINDS), "ending_usd"]
    header += [*(f"{kind}_movements" for kind in KINDS), "starting_accounts", "ending_accounts", "arpu_usd"]

    def line(row: MrrMonth) -> list[object]:
        amounts = (row.starting_nanos, *(row.nanos[kind] for kind in KINDS), row.ending_nanos)
        arpu = None if row.arpu_nanos is None else usd_text(row.arpu_nanos)
        counts = [*(row.moved[kind] for kind in KINDS), row.starting_accounts, row.ending_accounts]
        return [month_key(row.month), row.last_day, *map(usd_text, amounts), *counts, arpu]

    return Csv(name, header, lambda: [line(row) for row in months])


def movement_records(found: Sequence[Movement]) -> list[Record]:
    """Movements as a list; None is the default plan without a subscription."""
    return [
        {
            "Account": one.account,
            "Day": one.day,
            "Movement": WORDS[one.kind],
            "From": one.before,
            "To": one.after,
            "Change": dollars(one.nanos),
            "MRR before": dollars(one.before_nanos),
            "MRR after": dollars(one.after_nanos),
        }
        for one in found
    ]


def movement_csv(found: Sequence[Movement], month: date) -> Csv:
    """All movements of a month."""
    header = ["account", "day", "movement", "from_plan", "to_plan", "change_usd", "mrr_before_usd", "mrr_after_usd"]
    return Csv(
        f"mrr-movements-{month_key(month)}",
        header,
        lambda: [
            [
                one.account,
                one.day,
                one.kind,
                one.before,
                one.after,
                *map(usd_text, (one.nanos, one.before_nanos, one.after_nanos)),
            ]
            for one in found
        ],
    )


def in_order(rows: Sequence[PlanSubscribers]) -> list[PlanSubscribers]:
    """Plans, those that are paid most first."""
    return sorted(rows, key=lambda row: (-row.twelfths, -row.without_fee, row.plan))


def plan_records(rows: Sequence[PlanSubscribers]) -> list[Record]:
    """Subscribers by plan, those that pay most first."""
    return [
        {
            "Plan": row.plan,
            "Paying": row.paying,
            "In trial": row.trials,
            "Without a fee": row.without_fee,
            "Past due": row.past_due,
            "MRR": dollars(row.mrr_nanos),
            "ARPU": dollars(round_half_even(row.mrr_nanos, row.paying)) if row.paying else None,
        }
        for row in in_order(rows)
    ]


def plan_csv(rows: Sequence[PlanSubscribers], name: str = "subscribers-by-plan") -> Csv:
    """Subscribers by plan at the end of each month."""
    header = ["day", "plan", "paying", "in_trial", "without_fee", "past_due", "mrr_usd"]
    return Csv(
        name,
        header,
        lambda: [
            [row.day, row.plan, row.paying, row.trials, row.without_fee, row.past_due, usd_text(row.mrr_nanos)]
            for row in rows
        ],
    )


def by_plan(rows: Sequence[PlanSubscribers], measure: Callable[[PlanSubscribers], int]) -> dict[str, dict[date, int]]:
    """A measure by plan and month, the plan with the largest last value first; plans without any are left out."""
    found: dict[str, dict[date, int]] = {}
    last: dict[str, int] = {}
    for row in rows:
        if value := measure(row):
            found.setdefault(row.plan, {})[row.day.replace(day=1)] = value
        last[row.plan] = value
    return {plan: found[plan] for plan in sorted(found, key=lambda plan: (-last[plan], plan))}


def arr_nanos(rows: Sequence[PlanSubscribers], day: date) -> int:
    """ARR on a day: twelve monthly fees, or an annual one, of every account that pays; exact."""
    return sum(row.twelfths for row in rows if row.day == day)


def trial_month_records(rows: Sequence[TrialMonth]) -> list[Record]:
    """Trials by month, newest first."""
    return [
        {
            "Month": month_text(row.month),
            "Ended": row.ended,
            "Became paying": row.converted,
            "Conversion": _share(row.converted, row.ended),
        }
        for row in reversed(rows)
    ]


def trial_month_csv(rows: Sequence[TrialMonth]) -> Csv:
    """Trials by month."""
    header = ["month", "trials_ended", "became_paying"]
    return Csv("trials-by-month", header, lambda: [[month_key(row.month), row.ended, row.converted] for row in rows])


def trial_records(found: Sequence[Trial]) -> list[Record]:
    """Trials that ended."""
    return [
        {"Account": one.account, "Ended": one.ended_at, "Tried": one.plan, "Pays": one.became or "nothing"}
        for one in found
    ]


def trial_csv(found: Sequence[Trial], month: date) -> Csv:
    """Trials that ended in a month."""
    header = ["account", "ended_at", "plan_tried", "plan_paid"]
    rows = [[one.account, one.ended_at.isoformat(), one.plan, one.became] for one in found]
    return Csv(f"trials-{month_key(month)}", header, lambda: rows)

"""The tables of the Profit page: margins, what sells at a loss, and what it costs to serve a plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dashboard.exports import Csv
from dashboard.formats import dollars, ratio
from dashboard.usage.table import name_of
from metering.analytics import DayRow, UsageRow
from metering.analytics.profit import Earnings
from schema.money import round_half_even, usd_text

NO_PLAN = "(no plan)"


@dataclass(frozen=True, slots=True)
class Margin:
    """What something was sold for and what it cost."""

    name: str
    sold_nanos: int
    cost_nanos: int

    @property
    def profit_nanos(self) -> int:
        """What it was sold for, less its cost."""
        return self.sold_nanos - self.cost_nanos

    @property
    def share(self) -> float:
        """The profit as a share of what it was sold for, for the length of a bar; a loss without a sale is -100 %."""
        if self.sold_nanos:
            return self.profit_nanos / self.sold_nanos
        return -1.0 if self.cost_nanos else 0.0

    @property
    def text(self) -> str:
        """`23.1%`."""
        return ratio(self.profit_nanos, self.sold_nanos) if self.sold_nanos else "no revenue"


Converted = tuple[str, Mapping[str, Margin]]
"""A currency, and margins in it by name."""


def model_margins(rows: Sequence[UsageRow]) -> list[Margin]:
    """Charges against cost by model, dearest first: revenue cannot be spread over models, charges can."""
    found = [Margin(name_of(row, "model"), row.charge_nanos, row.cost_nanos) for row in rows]
    return [margin for margin in found if margin.sold_nanos or margin.cost_nanos]


def plan_margins(rows: Sequence[Earnings]) -> list[Margin]:
    """Revenue against cost by plan, in the order given."""
    found = [Margin(row.name or NO_PLAN, row.revenue_nanos, row.cost_nanos) for row in rows]
    return [margin for margin in found if margin.sold_nanos or margin.cost_nanos]


def losses(margins: Sequence[Margin]) -> list[Margin]:
    """Those that lose money, the largest loss first."""
    return sorted(
        (margin for margin in margins if margin.profit_nanos < 0), key=lambda margin: (margin.profit_nanos, margin.name)
    )


def account_margins(rows: Sequence[Earnings]) -> list[Margin]:
    """Revenue against cost by account."""
    return [Margin(row.name or "", row.revenue_nanos, row.cost_nanos) for row in rows]


def loss_frame(rows: Sequence[Margin], what: str, sold: str, converted: Converted | None = None) -> pd.DataFrame:
    """The list of losses on the page; with `converted`, the loss in that currency too."""
    currency, others = converted or ("", {})
    return pd.DataFrame.from_records(
        [
            {what: row.name, "Cost": dollars(row.cost_nanos), sold: dollars(row.sold_nanos)}
            | {"Loss": dollars(-row.profit_nanos), "Margin": row.text}
            | ({f"Loss, {currency}": dollars(-others[row.name].profit_nanos)} if row.name in others else {})
            for row in rows
        ]
    )


def margin_csv(name: str, rows: Sequence[Margin], what: str, sold: str, before: Sequence[Margin] = ()) -> Csv:
    """Margins as CSV with exact amounts; with `before` also the margins of the days before."""
    header = [what, f"{sold}_usd", "cost_usd", "profit_usd", "margin_percent"]
    past = {row.name: row for row in before}

    def percent(row: Margin | None) -> str:
        return row.text.removesuffix("%") if row is not None and row.sold_nanos else ""

    def line(row: Margin) -> list[object]:
        amounts = map(usd_text, (row.sold_nanos, row.cost_nanos, row.profit_nanos))
        return [row.name, *amounts, percent(row), *([percent(past.get(row.name))] if before else [])]

    return Csv(name, [*header, *(["margin_percent_before"] if before else [])], lambda: map(line, rows))


def each(nanos: int, number: int) -> int | None:
    """An amount for each of a number, rounded to the nano-dollar; None for none."""
    return round_half_even(nanos, number) if number else None


def serve_frame(rows: Sequence[Earnings]) -> pd.DataFrame:
    """What it costs to serve a plan: sums, and beside them the shares of one account and one subscriber."""

    def per(nanos: int, number: int) -> float | None:
        share = each(nanos, number)
        return None if share is None else dollars(share)

    return pd.DataFrame.from_records(
        [
            {
                "Plan": row.name or NO_PLAN,
                "Accounts": row.accounts,
                "Subscribers": row.subscribers,
                "Fees": dollars(row.subscription_nanos),
                "Usage": dollars(row.usage_revenue_nanos),
                "Cost": dollars(row.cost_nanos),
                "Profit": dollars(row.profit_nanos),
                "Margin": ratio(row.profit_nanos, row.revenue_nanos),
                "Cost an account": per(row.cost_nanos, row.accounts),
                "Usage an account": per(row.usage_revenue_nanos, row.accounts),
                "Fee a subscriber": per(row.subscription_nanos, row.subscribers),
            }
            for row in rows
        ]
    )


def serve_csv(rows: Sequence[Earnings]) -> Csv:
    """The same as CSV with exact amounts."""
    header = ["plan", "accounts", "subscribers", "fees_usd", "usage_revenue_usd", "cost_usd", "profit_usd"]
    shares = ["cost_usd_an_account", "usage_revenue_usd_an_account", "fee_usd_a_subscriber"]

    def text(nanos: int | None) -> str:
        return "" if nanos is None else usd_text(nanos)

    return Csv(
        "cost-to-serve",
        [*header, *shares],
        lambda: [
            [
                row.name or NO_PLAN,
                row.accounts,
                row.subscribers,
                usd_text(row.subscription_nanos),
                usd_text(row.usage_revenue_nanos),
                usd_text(row.cost_nanos),
                usd_text(row.profit_nanos),
                text(each(row.cost_nanos, row.accounts)),
                text(each(row.usage_revenue_nanos, row.accounts)),
                text(each(row.subscription_nanos, row.subscribers)),
            ]
            for row in rows
        ],
    )


def daily_csv(rows: Sequence[DayRow]) -> Csv:
    """Cost and revenue by UTC day with exact amounts."""
    header = ["day", "subscriptions_usd", "usage_usd", "repaid_usd", "revenue_usd", "cost_usd", "profit_usd"]
    return Csv(
        "cost-and-revenue",
        header,
        lambda: [
            [
                row.day.isoformat(),
                usd_text(row.subscription_nanos),
                usd_text(row.usage_revenue_nanos),
                usd_text(row.repaid_nanos),
                usd_text(row.revenue_nanos),
                usd_text(row.cost_nanos),
                usd_text(row.profit_nanos),
            ]
            for row in rows
        ],
    )

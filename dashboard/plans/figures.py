"""What is known of plans, as figures and tables: price, saving, subscribers, limits, models. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboard.configuration.labels import label_of
from dashboard.formats import MISSING, count, money, ratio
from metering.book.entities import Plan
from schema.documents.plans import QUOTA_LIMITS, STATIC_LIMITS
from schema.money import NANO, plain

UNLIMITED = "unlimited"
OVERAGE_WORDS = {
    "block": "calls are refused",
    "soft": "goes on, and is owed",
    "grace": "10 % more, then refused",
    "observe": "goes on, nothing is owed",
}

_OVERAGE_SHORT = {"block": "refused", "soft": "owed", "grace": "10 % more", "observe": "for free"}

_CSV_FIRST = (
    "plan",
    "name",
    "active",
    "monthly",
    "annual",
    "currency",
    "annual_saving",
    "accounts",
    "paying",
    "trials",
    "without_fee",
    "mrr_usd",
    "trial_days",
    "included_usd",
    "overage",
    "access",
    "models",
)


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """Who is on a plan today. `twelfths` are MRR in twelfths of nano-USD: what a year brings."""

    accounts: int = 0
    paying: int = 0
    trials: int = 0
    without_fee: int = 0
    past_due: int = 0
    twelfths: int = 0

    @property
    def subscribers(self) -> int:
        """Every running subscription."""
        return self.paying + self.trials + self.without_fee

    @property
    def mrr_nanos(self) -> int:
        """Monthly recurring revenue."""
        return round(Decimal(self.twelfths) / 12)


def together(figures: Sequence[PlanFigures]) -> PlanFigures:
    """The sums over plans; what is a twelfth is divided once."""
    names = ("accounts", "paying", "trials", "without_fee", "past_due", "twelfths")
    return PlanFigures(**{name: sum(getattr(one, name) for one in figures) for name in names})


def in_order(plans: Sequence[Plan]) -> list[Plan]:
    """Those on sale first, by their monthly fee; fees by agreement after the others."""
    return sorted(
        plans,
        key=lambda plan: (not plan.active, plan.monthly_nanos is None, plan.monthly_nanos or 0, plan.slug),
    )


def fee_words(plan: Plan) -> str:
    """The monthly fee: `$19.00`, `Free`, `By agreement`."""
    if plan.monthly_nanos is None:
        return "By agreement"
    return "Free" if plan.monthly_nanos == 0 else amount_words(plan.monthly_nanos, plan.currency)


def amount_words(nanos: int, currency: str) -> str:
    """A fee in its currency."""
    return money(nanos) if currency == "USD" else f"{money(nanos).replace('$', '')} {currency}"


def saving_nanos(plan: Plan) -> int | None:
    """What a year at once saves against twelve months; None without both fees."""
    if not plan.monthly_nanos or plan.annual_nanos is None:
        return None
    return 12 * plan.monthly_nanos - plan.annual_nanos


def saving_words(plan: Plan) -> str:
    """The saving in percent and money: `16.7% ($38.00)`."""
    saved = saving_nanos(plan)
    if saved is None or plan.monthly_nanos is None:
        return MISSING
    return f"{ratio(saved, 12 * plan.monthly_nanos)} ({amount_words(saved, plan.currency)})"


def included_share(plan: Plan) -> str:
    """Included credit as a share of the monthly fee; a dash where there is no fee in USD."""
    if not plan.monthly_nanos or plan.currency != "USD":
        return MISSING
    return ratio(plan.included_nanos, plan.monthly_nanos)


def limit_words(plan: Plan, name: str) -> str:
    """A limit with thousands, `unlimited`, or a dash when the plan does not name it."""
    if name not in plan.limits:
        return MISSING
    limit = plan.limits[name]
    return UNLIMITED if limit is None else count(limit)


def lowered_limits(old: Plan, new: Plan) -> dict[str, int]:
    """The limits that allow less than before, or that there were none of."""
    found = {}
    for name, limit in new.limits.items():
        before = old.limits.get(name)
        if limit is not None and (before is None or limit < before):
            found[name] = limit
    return found


def limit_names(plans: Sequence[Plan]) -> list[str]:
    """Every limit that a plan names: those that the runtime counts first, then those that callers check."""
    named = dict.fromkeys(name for plan in plans for name in plan.limits)
    known = [name for name in (*QUOTA_LIMITS, *STATIC_LIMITS) if name in named]
    return known + [name for name in named if name not in known]


def matrix(plans: Sequence[Plan], figures: Mapping[str, PlanFigures], models: Mapping[str, int]) -> list[list[str]]:
    """Plans side by side: a row for each thing that differs, its name first, then the value of each plan."""

    def row(label: str, values: Iterator[str]) -> list[str]:
        return [label, *values]

    def of(plan: Plan) -> PlanFigures:
        return figures.get(plan.slug, PlanFigures())

    rows = [
        row("Monthly fee", (fee_words(plan) for plan in plans)),
        row(
            "Annual fee",
            (
                MISSING if plan.annual_nanos is None else amount_words(plan.annual_nanos, plan.currency)
                for plan in plans
            ),
        ),
        row("Annual saving", (saving_words(plan) for plan in plans)),
        row("Subscribers", (count(of(plan).subscribers) for plan in plans)),
        row("MRR", (money(of(plan).mrr_nanos) for plan in plans)),
        row("Trial", (f"{plan.trial_days} days" if plan.trial_days else MISSING for plan in plans)),
        row("Included credit", (money(plan.included_nanos) for plan in plans)),
        row("Included of the fee", (included_share(plan) for plan in plans)),
        row("Beyond the credit", (_OVERAGE_SHORT.get(plan.overage, plan.overage) for plan in plans)),
        row("Access class", (plan.access for plan in plans)),
        row("Models", (count(models.get(plan.slug, 0)) for plan in plans)),
    ]
    rows += [row(label_of(name), (limit_words(plan, name) for plan in plans)) for name in limit_names(plans)]
    rows.append(row("Features", (", ".join(plan.features) or MISSING for plan in plans)))
    return rows


def csv_record(plan: Plan, figures: PlanFigures, models: int, names: Sequence[str]) -> list[object]:
    """A plan in a line of the CSV, with exact amounts; `names` are those of the limits."""

    def exact(nanos: int | None) -> str | None:
        return None if nanos is None else plain(Decimal(nanos) / NANO)

    return [
        plan.slug,
        plan.name,
        plan.active,
        exact(plan.monthly_nanos),
        exact(plan.annual_nanos),
        plan.currency,
        exact(saving_nanos(plan)),
        figures.accounts,
        figures.paying,
        figures.trials,
        figures.without_fee,
        exact(figures.mrr_nanos),
        plan.trial_days,
        exact(plan.included_nanos),
        plan.overage,
        plan.access,
        models,
        *(_limit(plan, name) for name in names),
        " ".join(plan.features),
    ]


def csv_header(names: Sequence[str]) -> list[str]:
    """The header of the CSV."""
    return [*_CSV_FIRST, *names, "features"]


def _limit(plan: Plan, name: str) -> object:
    limit = plan.limits.get(name, "")
    return UNLIMITED if limit is None else limit


def model_rows(
    models: Sequence[Mapping[str, Any]], opened: Mapping[str, Mapping[str, bool]], slugs: Sequence[str]
) -> list[dict[str, Any]]:
    """Active models, and whether each plan opens them; `opened` is by plan, then by access class."""
    return [
        {
            "Model": f"{model['provider']}/{model['model']}",
            "Type": model["type"],
            "Access class": model["access"],
            **{slug: opened[slug].get(model["access"], False) for slug in slugs},
        }
        for model in models
        if model["active"]
    ]


__all__ = [
    "OVERAGE_WORDS",
    "UNLIMITED",
    "PlanFigures",
    "amount_words",
    "csv_header",
    "csv_record",
    "fee_words",
    "in_order",
    "included_share",
    "limit_names",
    "limit_words",
    "lowered_limits",
    "matrix",
    "model_rows",
    "saving_nanos",
    "saving_words",
    "together",
]

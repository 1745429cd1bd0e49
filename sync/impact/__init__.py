"""The money impact of a plan: real usage re-priced under it, before anything is applied.

`reach` reads off the changes which calls may be priced otherwise, `usage` reads them, `books` builds the rate book
before and after, `rerouting` replays changed routes, `repricing` prices each call by both, `wallets` says what that
does to revenue and balances, `terms` counts the subscriptions of plans that change, `result` is what comes out. The
public face is `measure`.
"""

from sync.impact.measuring import DEFAULT_DAYS, measure
from sync.impact.result import Impact, Pair, PlanTerms, Scenario, ShortWallet, Sums
from sync.impact.usage import DatabaseUsage, UsageSource

__all__ = [
    "DEFAULT_DAYS",
    "DatabaseUsage",
    "Impact",
    "Pair",
    "PlanTerms",
    "Scenario",
    "ShortWallet",
    "Sums",
    "UsageSource",
    "measure",
]

"""The one place of queries over usage, money and subscriptions: exact whole numbers, half-open UTC days.

`period` cuts time, `events` sums what was called, `history` lists it for one account, `fees` says what subscriptions
earn by day, `totals` puts both together, `conversion` says it in a second currency, `attention` lists what needs a
person. Pages, commands and exports ask here and never the tables, so that rollups or another engine can come behind it.
"""

from metering.analytics.attention import Attention, attention
from metering.analytics.conversion import Converted, second_currency, totals_in, usage_in
from metering.analytics.events import BY, UsageRow, active_users, data_as_of, usage_by
from metering.analytics.fees import mrr_daily, mrr_nanos
from metering.analytics.history import PastEvent, find_event, history
from metering.analytics.period import Period
from metering.analytics.timeline import DayRow, ReleaseRow, daily, releases_between
from metering.analytics.totals import Totals, totals

__all__ = [
    "BY",
    "Attention",
    "Converted",
    "DayRow",
    "PastEvent",
    "Period",
    "ReleaseRow",
    "Totals",
    "UsageRow",
    "active_users",
    "attention",
    "daily",
    "data_as_of",
    "find_event",
    "history",
    "mrr_daily",
    "mrr_nanos",
    "releases_between",
    "second_currency",
    "totals",
    "totals_in",
    "usage_by",
    "usage_in",
]

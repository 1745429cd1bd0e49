"""The one place of queries over usage, money and subscriptions: exact whole numbers, half-open UTC days.

`period` cuts time, `events` sums what was called, `callers` counts who did, `history` lists it for one account, `fees`
says what subscriptions earn by day, `totals` puts it together, `conversion` says it in a second currency, `attention`
lists what needs a person, `arrivals` tells which days of earlier sums hold no longer. Pages, commands and exports ask
here and never the tables, so that rollups or another engine can come behind it.
"""

from metering.analytics.arrivals import Arrived, arrived, changed_days
from metering.analytics.attention import Attention, attention
from metering.analytics.callers import Callers, active_users, callers, callers_daily, callers_in
from metering.analytics.conversion import Conversion, Converted, second_currency, totals_in, usage_in
from metering.analytics.days_called import WORD_DAYS, days_called
from metering.analytics.events import BY, UsageRow, data_as_of, summed, usage_by
from metering.analytics.fees import mrr_daily, mrr_nanos
from metering.analytics.history import PastEvent, find_event, history
from metering.analytics.period import Period
from metering.analytics.timeline import DayRow, ReleaseRow, daily, releases_between
from metering.analytics.totals import Sums, Totals, added, totals

__all__ = [
    "BY",
    "WORD_DAYS",
    "Arrived",
    "Attention",
    "Callers",
    "Conversion",
    "Converted",
    "DayRow",
    "PastEvent",
    "Period",
    "ReleaseRow",
    "Sums",
    "Totals",
    "UsageRow",
    "active_users",
    "added",
    "arrived",
    "attention",
    "callers",
    "callers_daily",
    "callers_in",
    "changed_days",
    "daily",
    "data_as_of",
    "days_called",
    "find_event",
    "history",
    "mrr_daily",
    "mrr_nanos",
    "releases_between",
    "second_currency",
    "summed",
    "totals",
    "totals_in",
    "usage_by",
    "usage_in",
]

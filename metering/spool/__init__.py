"""Calls on disk while the database is away: what has already happened is never refused.

`segment` is a file of calls, `folder` what several processes keep in one place and what is known of it, `draining`
records it when the database is back. Without a folder there is none of it.
"""

from metering.spool.draining import Drained, Draining
from metering.spool.folder import LIMIT_VARIABLE, SPOOL_VARIABLE, Spool, SpoolState, limit_of, look, read_refused
from metering.spool.segment import Refused, Waiting

__all__ = [
    "LIMIT_VARIABLE",
    "SPOOL_VARIABLE",
    "Drained",
    "Draining",
    "Refused",
    "Spool",
    "SpoolState",
    "Waiting",
    "limit_of",
    "look",
    "read_refused",
]

"""Re-rating: events of the past priced anew by the configuration of the newest release.

`scope` says which events, `books` by which book each is priced, `events` reads them as they are charged by now,
`judging` (pure) decides what changes, `surveying` sums that up and writes nothing, `writing` makes the corrections.

An event takes the dated kinds (prices, with their margins) of the newest release, in force at the moment of the event,
and the undated ones (features, run units, reasoning levels, tasks, weights of credit burn) of the release at which it
was recorded; one that no price covered then takes everything of the newest. What a refund gave back stays given back.
"""

from __future__ import annotations

from metering.rerating.rerating import Rerating
from metering.rerating.scope import Scope
from metering.rerating.surveying import Survey, Tally
from metering.rerating.writing import Written

__all__ = ["Rerating", "Scope", "Survey", "Tally", "Written"]

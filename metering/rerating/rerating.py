"""Re-rating on a runtime: look first, then write."""

from __future__ import annotations

from metering.rerating.scope import Scope
from metering.rerating.surveying import Progress, Survey, survey
from metering.rerating.writing import Written, write
from metering.runtime import Runtime


class Rerating:
    """Prices events of the past anew, by the newest release."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def survey(self, scope: Scope, progress: Progress | None = None) -> Survey:
        """What a re-rating would change; nothing is written. See `metering.rerating.surveying.survey`."""
        return survey(self._runtime, scope, progress)

    def write(self, found: Survey, *, by: str, progress: Progress | None = None) -> Written:
        """Write what a survey found. See `metering.rerating.writing.write`."""
        return write(self._runtime, found, by=by, progress=progress)


__all__ = ["Rerating"]

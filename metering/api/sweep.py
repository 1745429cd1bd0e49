"""What an API does beside its requests: what time has made due, alerts that are to be told, calls that wait.

Several processes may sweep the same database: each thing is done once, whoever comes first.
"""

from __future__ import annotations

import logging
import threading

from metering.api.metrics import Metrics
from metering.errors import UnavailableError, WebhookError
from metering.meter import Meter

_log = logging.getLogger(__name__)


class Sweep:
    """A thread that renews accounts, tells alerts and records what servers that are no more kept, every so often."""

    def __init__(self, meter: Meter, metrics: Metrics, seconds: float) -> None:
        self._meter = meter
        self._metrics = metrics
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ratecard-sweep", daemon=True)

    def start(self) -> None:
        """Begin, with the first sweep at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the sweep that runs."""
        self._stopped.set()
        self._thread.join()

    def once(self) -> bool:
        """One sweep; False when something failed, which the log tells of. The next one tries again."""
        well = True
        try:
            done = self._meter.accounts.renew()
            well = not done.failed
            if done.accounts:
                _log.info("renewed %d accounts, %d failed", done.accounts, done.failed)
        except UnavailableError as error:
            _log.warning("not renewed: %s", error)
            return False
        except Exception:
            _log.exception("accounts were not renewed")
            well = False
        try:
            told = self._meter.quotas.deliver()
            well = well and told.fault is None
        except WebhookError:
            # Alerts are kept, to be listed; whoever wants to be told names a webhook.
            pass
        except UnavailableError as error:
            _log.warning("alerts were not told: %s", error)
            return False
        except Exception:
            _log.exception("alerts were not told")
            well = False
        return self._drain() and well

    def _drain(self) -> bool:
        spool = self._meter.spool
        if spool is None:
            return True
        done = spool.drain()
        if done.fault is not None:
            _log.warning("calls still wait: %s", done.fault)
        return done.fault is None and not done.left

    def _run(self) -> None:
        while True:
            if self.once():
                self._metrics.swept()
            if self._stopped.wait(self._seconds):
                return


__all__ = ["Sweep"]

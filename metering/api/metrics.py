"""What Prometheus scrapes: requests by route and status, how long they took, and how old the rate book is.

Nothing in it names an account.
"""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from metering.book.standing import Status
from metering.spool.folder import SpoolState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16)


class Metrics:
    """The counters of one running API."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("ratecard_http_requests", "Requests.", labels, registry=self._registry)
        self._seconds = Histogram(
            "ratecard_http_request_seconds",
            "From a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._active = Gauge("ratecard_http_requests_active", "Requests that run now.", registry=self._registry)
        self._age = Gauge(
            "ratecard_book_age_seconds",
            "How long ago the rate book was last known to be the newest.",
            registry=self._registry,
        )
        self._release = Gauge("ratecard_release", "The release that prices calls.", registry=self._registry)
        self._away = Gauge("ratecard_database_away", "1 while the database cannot be reached.", registry=self._registry)
        self._spool = {
            name: Gauge(f"ratecard_spool_{name}", meaning, registry=self._registry)
            for name, meaning in (
                ("events", "Calls that are kept until the database is back."),
                ("oldest_seconds", "How long the first of them has waited."),
                ("rejects", "Calls that were kept and then refused for good."),
                ("bytes", "What the folder of the spool holds."),
            )
        }
        self._swept = Gauge(
            "ratecard_sweep_timestamp_seconds",
            "When renewals and alerts were last swept without a fault; 0 before the first.",
            registry=self._registry,
        )

    def began(self) -> None:
        """A request came."""
        self._active.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._active.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def swept(self) -> None:
        """A sweep went through."""
        self._swept.set_to_current_time()

    def text(self, status: Status, spool: SpoolState | None, now: datetime) -> bytes:
        """All of it in Prometheus' format; the spool's are 0 where there is none."""
        if spool is not None:
            waited = 0.0 if spool.oldest is None else (now - spool.oldest).total_seconds()
            for name, value in (
                ("events", spool.waiting),
                ("oldest_seconds", max(waited, 0.0)),
                ("rejects", spool.rejects),
                ("bytes", spool.bytes),
            ):
                self._spool[name].set(value)
        self._age.set(status.age.total_seconds())
        self._release.set(status.release.id)
        self._away.set(status.away is not None)
        return generate_latest(self._registry)


__all__ = ["CONTENT_TYPE", "Metrics"]

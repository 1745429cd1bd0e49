"""Quotas as a meter offers them: checks before calls, how an account stands, and alerts.

    decision = meter.check("acct-1", "anthropic", "claude-haiku-4-5", units={"input": 4_000, "output": 1_000})
    decision.raise_if_refused()
    meter.check("acct-1", limit="documents", current=4)
    meter.would_exceed("acct-1", {"run_unit": "2.5"})

The newest release is asked for within every check, so that a limit, a plan's overage or enforcement as a whole changes
with an apply and without a restart. Without the database nothing is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from metering import given
from metering.accounts.accounts import account_id, ensure_accounts
from metering.book.ratebook import RateBook
from metering.errors import BadEventError, RefusalError, UnknownAccountError
from metering.quotas.alerts import Alert, read_alerts
from metering.quotas.checking import Call, Decision, decide, decide_limit, exceeding, refused, tool_call
from metering.quotas.overview import QuotaOverview, overview
from metering.quotas.standing import Standing, read_standing
from metering.rating.run_units import ToolCall
from metering.runtime import Runtime
from metering.subscriptions.renewal import renew
from metering.usage import LONGEST_NAME, Quantity, stored_units

if TYPE_CHECKING:
    from metering.quotas.delivery import Delivered


class Quotas:
    """Quotas, rates and alerts of one database."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(
        self,
        account: str,
        provider: str | None = None,
        model: str | None = None,
        *,
        units: Mapping[str, Quantity] | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
        tool: str | None = None,
        tier: str | None = None,
        cpu_seconds: Quantity | None = None,
        gpu_seconds: Quantity | None = None,
        latency_ms: Quantity | None = None,
        limit: str | None = None,
        current: Quantity | None = None,
        adding: Quantity = 1,
        create: bool = True,
    ) -> Decision:
        """Whether an account may make a call now, or have `adding` more of what a static `limit` names.

        With a model its access, its price and the wallet are judged as well, with a feature what it charges; with
        `units`, whether they still fit; so do the run units of a tool whose seconds or latency are known. An
        unknown account is created when settings say so, as by its first call; never with `create=False`. What refuses
        stands in the decision, also METERING_UNAVAILABLE and UNKNOWN_ACCOUNT; only a question that makes no sense
        raises: BadEventError, UnknownUnitError.
        """
        if (limit is None) != (current is None):
            raise BadEventError("a static limit takes both its name (limit) and how many there are (current)")
        given.notes(BadEventError, provider=provider, model=model, task=task, reasoning_level=reasoning_level)
        given.notes(BadEventError, feature=feature, tool=tool, tier=tier, limit=limit)
        called = tool_call(tool, tier, cpu_seconds, gpu_seconds, latency_ms)
        if limit is not None and (provider or model or units or feature or tool):
            raise BadEventError("a static limit is no call: leave provider, model, units, feature and tool out")
        if model is None and provider is not None:
            raise BadEventError("model is missing")
        stored = self._stored(units)
        call = Call(provider, model, stored, task, reasoning_level, feature, called)
        try:
            standing, book, now = self._standing(account, create=create)
            if limit is not None and current is not None:
                return decide_limit(book, standing, limit, current, adding)
            return decide(book, standing, call, now)
        except RefusalError as error:
            return refused(account, error)

    def would_exceed(
        self,
        account: str,
        units: Mapping[str, Quantity] | None = None,
        *,
        tool: str | None = None,
        tier: str | None = None,
        cpu_seconds: Quantity | None = None,
        gpu_seconds: Quantity | None = None,
        latency_ms: Quantity | None = None,
    ) -> bool:
        """Whether an estimate would take the account beyond a limit of its plan: used + estimate > limit.

        The estimate is `units`, the run units of a tool, or both. It is so whatever the plan makes of overage and
        whatever the wallet has; `check` tells whether the call would be refused. Raises BadEventError,
        UnknownUnitError, UnknownAccountError, UnavailableError.
        """
        given.notes(BadEventError, tool=tool, tier=tier)
        told = (tool, tier, cpu_seconds, gpu_seconds, latency_ms)
        return bool(self.exceeded(account, units, tool_call(*told), create=True))

    def exceeded(
        self, account: str, units: Mapping[str, Quantity] | None, tool: ToolCall | None = None, *, create: bool = False
    ) -> tuple[str, ...]:
        """The quotas whose limits an estimate would go beyond; see `would_exceed`, which raises the same."""
        if units is None and tool is None:
            raise BadEventError("an estimate is missing: give units, or a tool with the time that it takes")
        call = Call(units=self._stored(units), tool=tool)
        standing, book, now = self._standing(account, create=create)
        return exceeding(book, standing, call, now)

    def state(self, account: str) -> QuotaOverview:
        """How an account stands with its quotas, for a widget. Raises UnknownAccountError, UnavailableError."""
        standing, book, now = self._standing(account, create=False)
        return overview(book, standing, now)

    def alerts(self, account: str | None = None, *, waiting: bool = False, limit: int = 100) -> list[Alert]:
        """Alerts, newest first, at most so many: of one account, or only those that are still to be told.

        Raises UnknownAccountError, UnavailableError.
        """

        def read(connection: Connection) -> list[Alert]:
            number = None if account is None else account_id(connection, account)
            return read_alerts(connection, account_id=number, waiting=waiting, limit=limit)

        return self._runtime.read(read)

    def deliver(self, *, limit: int = 100) -> Delivered:
        """Tell the alerts that are due to the webhook that settings name; see `metering.quotas.delivery`.

        Raises WebhookError, UnavailableError.
        """
        from metering.quotas.delivery import deliver

        return deliver(self._runtime, limit=limit)

    def _stored(self, units: Mapping[str, Quantity] | None) -> dict[str, int] | None:
        from_zero = self._runtime.last_book.settings.from_zero
        return None if units is None else stored_units(units, from_zero=from_zero)

    def _standing(self, account: str, *, create: bool) -> tuple[Standing, RateBook, datetime]:
        """An account brought up to now, with the newest book."""
        _require_name(account)
        runtime, now = self._runtime, self._runtime.now()

        def look(connection: Connection) -> tuple[Standing | None, RateBook]:
            return read_standing(connection, account, now), runtime.newest(connection, now)

        standing, book = runtime.read(look)
        if book is not runtime.last_book:
            runtime.keep(book, now)
        if standing is None and not create:
            raise UnknownAccountError(f"there is no account '{account}'")
        if standing is None or standing.state.due_at <= now:

            def bring(connection: Connection, book: RateBook, moment: datetime) -> tuple[Standing | None, RateBook]:
                ids = ensure_accounts(connection, [account], book.settings, now=moment)
                renew(connection, ids.values(), book, now=moment)
                return read_standing(connection, account, moment), book

            standing, book = runtime.change(bring)
            if standing is None:
                raise UnknownAccountError(f"there is no account '{account}'")
        return standing, book, now


def _require_name(account: str) -> None:
    if not isinstance(account, str) or not 0 < len(account) <= LONGEST_NAME or "\x00" in account:
        raise BadEventError(f"account is missing, or longer than {LONGEST_NAME} characters")
    try:
        account.encode()
    except UnicodeEncodeError:
        raise BadEventError("account is not valid Unicode") from None


__all__ = ["Quotas"]

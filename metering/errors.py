"""Errors of the runtime, each with its HTTP status.

MeteringError (a RatecardError)
├── RefusalError              before the call: it must not be made
│   ├── UnregisteredModelError     UNREGISTERED_MODEL     503
│   ├── NoPricingError             NO_PRICING_CONFIG      503
│   ├── NoExchangeRateError        NO_EXCHANGE_RATE       503
│   ├── NoRouteError               NO_ROUTE               503
│   ├── UnavailableError           METERING_UNAVAILABLE   503
│   ├── InsufficientBalanceError   INSUFFICIENT_BALANCE   402
│   ├── ModelNotInPlanError        MODEL_NOT_IN_PLAN      403
│   ├── AccountSuspendedError      ACCOUNT_SUSPENDED      403
│   ├── UnknownAccountError        UNKNOWN_ACCOUNT        404
│   └── QuotaExceededError         QUOTA_EXCEEDED         429
├── EventConflictError        EVENT_CONFLICT   409   same id, other contents
├── UnknownHoldError          UNKNOWN_HOLD     404   no such hold of the account
├── BadGrantError             BAD_GRANT        422   a grant that cannot be made
├── BadCorrectionError        BAD_CORRECTION   422   a refund or correction that takes back more than there is
├── AccountError              BAD_ACCOUNT      422   an account that cannot be made or changed so
├── ApiKeyError               BAD_KEY          422   an API key that cannot be made or changed so
├── SubscriptionError         BAD_SUBSCRIPTION 422   a subscription that cannot begin or end so
├── BadEventError             BAD_EVENT        422   an event that cannot be read
│   └── UnknownUnitError      UNKNOWN_UNIT     422
├── RerateError               RERATE_OUTDATED  409   a release landed between the survey of a re-rating and its writing
├── WebhookError              NO_WEBHOOK       503   alerts cannot be told: no webhook is named
├── ProxyError                NO_PROXY         503   a LiteLLM proxy is not named, or does not do as asked
├── BookFileError             BAD_BOOK_FILE    503   a rate book on disk that cannot be trusted
├── SpoolError                BAD_SPOOL        503   a folder that cannot keep calls, or a file in it that is not read
└── ImportFileError           BAD_FILE         422   a file of events that cannot be read at all
"""

from __future__ import annotations

from datetime import datetime

from schema.errors import RatecardError


class MeteringError(RatecardError):
    """A fault of the runtime."""

    code = "METERING_ERROR"
    status = 500


class RefusalError(MeteringError):
    """The call must not be made."""

    status = 503


class UnregisteredModelError(RefusalError):
    """The model is not registered, or it is inactive."""

    code = "UNREGISTERED_MODEL"


class NoPricingError(RefusalError):
    """No price is in force, or a unit of the call has none."""

    code = "NO_PRICING_CONFIG"


class NoExchangeRateError(RefusalError):
    """No exchange rate of a pair of currencies is in force."""

    code = "NO_EXCHANGE_RATE"


class NoRouteError(RefusalError):
    """Neither the task nor `_default` has a route."""

    code = "NO_ROUTE"


class UnavailableError(RefusalError):
    """The database cannot be reached."""

    code = "METERING_UNAVAILABLE"


class InsufficientBalanceError(RefusalError):
    """The wallet is short."""

    code = "INSUFFICIENT_BALANCE"
    status = 402


class ModelNotInPlanError(RefusalError):
    """The plan does not open the model's access class."""

    code = "MODEL_NOT_IN_PLAN"
    status = 403


class AccountSuspendedError(RefusalError):
    """The account is suspended, banned or deleted."""

    code = "ACCOUNT_SUSPENDED"
    status = 403


class UnknownAccountError(RefusalError):
    """No such account, and settings do not create it."""

    code = "UNKNOWN_ACCOUNT"
    status = 404


class QuotaExceededError(RefusalError):
    """A quota of the plan is used up. `quota` names it, `resets_at` is when its period ends, if it has one."""

    code = "QUOTA_EXCEEDED"
    status = 429

    def __init__(self, message: str, *, quota: str | None = None, resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.quota = quota
        self.resets_at = resets_at


class EventConflictError(MeteringError):
    """The id of an event, or the key of a grant, is known with other contents."""

    code = "EVENT_CONFLICT"
    status = 409


class UnknownHoldError(MeteringError):
    """The account has no such hold."""

    code = "UNKNOWN_HOLD"
    status = 404


class BadGrantError(MeteringError):
    """A grant that cannot be made."""

    code = "BAD_GRANT"
    status = 422


class BadCorrectionError(MeteringError):
    """A refund or a correction that cannot be made: it takes back more than there is, or of nothing."""

    code = "BAD_CORRECTION"
    status = 422


class AccountError(MeteringError):
    """An account, or a user of it, that cannot be made or changed as it was asked to."""

    code = "BAD_ACCOUNT"
    status = 422


class ApiKeyError(MeteringError):
    """An API key that cannot be made or changed as it was asked to."""

    code = "BAD_KEY"
    status = 422


class SubscriptionError(MeteringError):
    """A subscription that cannot begin or end as it was asked to."""

    code = "BAD_SUBSCRIPTION"
    status = 422


class BadEventError(MeteringError):
    """An event that cannot be read."""

    code = "BAD_EVENT"
    status = 422


class UnknownUnitError(BadEventError):
    """A unit that does not exist."""

    code = "UNKNOWN_UNIT"


class ImportFileError(MeteringError):
    """A file of events that cannot be read at all."""

    code = "BAD_FILE"
    status = 422


class RerateError(MeteringError):
    """A release landed between the survey of a re-rating and its writing."""

    code = "RERATE_OUTDATED"
    status = 409


class BookFileError(MeteringError):
    """There is no rate book on disk, or none that can be trusted."""

    code = "BAD_BOOK_FILE"
    status = 503


class SpoolError(MeteringError):
    """A folder that cannot keep calls while the database is away, or a file in it that is not to be read."""

    code = "BAD_SPOOL"
    status = 503


class WebhookError(MeteringError):
    """There is no webhook that alerts could be told to."""

    code = "NO_WEBHOOK"
    status = 503


class ProxyError(MeteringError):
    """Settings name no LiteLLM proxy, or it does not do as asked."""

    code = "NO_PROXY"
    status = 503

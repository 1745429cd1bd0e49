"""`settings`: typed settings, then a free `extra`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schema.documents.base import Count, Document, EnvName, Given, Multiplier, Slug, Text, Unit
from schema.documents.numbers import WholeRange


class UnknownModel(Document):
    """How a model that is not registered is charged."""

    credits_multiplier: Multiplier
    """Credit burn with this multiplier."""


class CreditBurn(Document):
    """Credits of a call = sum of units x weight, times the model's multiplier, / `tokens_per_credit`."""

    weights: dict[Unit, Multiplier] = Field(
        default_factory=lambda: {"input": Decimal("0.35"), "cache_read": Decimal("0.1"), "output": Decimal(1)}
    )
    """Weight of each unit in output-equivalent tokens; a unit without one follows the rule for units without a rate."""
    tokens_per_credit: Annotated[int, WholeRange(1)] = 10_000
    """Weighted tokens that make one credit."""


class StripeSettings(Document):
    """Stripe; secrets are named by their variable."""

    secret_env: EnvName
    """The variable that holds the secret key."""
    webhook_secret_env: EnvName | None = None
    """The variable that holds the webhook's signing secret."""


class LiteLLMSettings(Document):
    """A LiteLLM proxy; its master key is named by its variable."""

    url: Text
    """Where the proxy answers."""
    master_key_env: EnvName
    """The variable that holds the master key."""
    key_prefix: Slug = "ratecard"
    """What the aliases of its virtual keys begin with; another one for each database that shares a proxy."""


ALERT_WORDS = ("account", "plan", "quota", "percent", "used", "limit", "period", "resets_on", "message")
"""What a template of alerts may name in braces; `message` is what is said without one."""
_NAMED = re.compile(r"\{([^{}]*)\}")


def _template(text: str) -> str:
    unknown = [word for word in _NAMED.findall(text) if word not in ALERT_WORDS]
    if unknown or set(_NAMED.sub("", text)) & {"{", "}"}:
        known = ", ".join(f"{{{word}}}" for word in ALERT_WORDS)
        raise PydanticCustomError("bad_template", "{why}", {"why": f"what stands in braces is one of {known}"})
    return text


Template = Annotated[Text, AfterValidator(_template)]


class AlertTemplates(Document):
    """What alerts say instead: text in which `{account}`, `{plan}`, `{quota}`, `{percent}`, `{used}`, `{limit}`,
    `{period}` and `{resets_on}` stand for what they name, and `{message}` for what is said without a template."""

    warning: Template | None = None
    """At 80 %."""
    upgrade: Template | None = None
    """At 95 %."""
    reached: Template | None = None
    """At 100 %."""


class NotificationSettings(Document):
    """Where alerts go."""

    webhook_env: EnvName
    """The variable that holds the webhook's address."""
    format: Literal["slack", "json"] = "slack"
    """The shape of the message."""
    templates: AlertTemplates | None = None
    """What the message says."""


class SettingsDocument(Document):
    """Settings that the runtime and the pages read, each with a default."""

    site_name: Text | None = None
    """The product's name."""
    default_plan: Annotated[Slug | None, Given] = None
    """The plan of an account that has no subscription; `free` when it exists."""
    unknown_account: Annotated[Literal["create", "refuse"] | None, Given] = None
    """Whether an account that is not known is created on the default plan or refused."""
    unknown_model: Annotated[UnknownModel | None, Given] = None
    """How a model that is not registered is charged; without it, it is refused."""
    enforcement: Annotated[Literal["on", "observe"] | None, Given] = None
    """Whether an account without credit is refused before the call."""
    negative_counts: Annotated[Literal["refuse", "zero"] | None, Given] = None
    """Whether a count below zero is refused or taken for 0."""
    signup_grant_credits: Annotated[Count | None, Given] = None
    """Credits that a new account receives."""
    credits_per_dollar: Annotated[Annotated[int, WholeRange(1)] | None, Given] = None
    """How many credits a dollar of usage is shown as."""
    credit_display_name: Text | None = None
    """What credits are called."""
    display_precision: Annotated[int, WholeRange(0, 9)] | None = None
    """Decimals of shown credits."""
    rounding_mode: Literal["up", "nearest", "down"] | None = None
    """How shown credits are rounded."""
    credit_burn: Annotated[CreditBurn | None, Given] = None
    """Weights of credit burn."""
    access_classes: Annotated[tuple[Slug, ...] | None, Given] = None
    """Access classes from the most open to the most exclusive; a plan opens its class and all before it."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """A second currency in which totals are shown."""
    stripe: StripeSettings | None = None
    """Stripe."""
    litellm: LiteLLMSettings | None = None
    """A LiteLLM proxy."""
    notifications: NotificationSettings | None = None
    """Where alerts go."""
    extra: dict[Slug, Any] = Field(default_factory=dict)
    """Anything else, typed as YAML types it."""


DEFAULT_SETTINGS: dict[str, Any] = {
    "site_name": "Ratecard",
    "default_plan": "free",
    "unknown_account": "refuse",
    "unknown_model": None,
    "enforcement": "on",
    "negative_counts": "refuse",
    "signup_grant_credits": 0,
    "credits_per_dollar": 10_000,
    "credit_display_name": "credits",
    "display_precision": 0,
    "rounding_mode": "up",
    "credit_burn": {
        "weights": {"input": "0.35", "cache_read": "0.1", "output": "1"},
        "tokens_per_credit": 10_000,
    },
    "access_classes": ["basic", "standard", "all"],
    "currency": None,
    "stripe": None,
    "litellm": None,
    "notifications": None,
}
"""What a setting is when no document sets it, in the form in which the database stores it."""

"""Settings as the runtime reads them: typed, with a default for each that no document sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metering.rating.credit_burn import CreditBurn, read_credit_burn
from schema.documents.settings import DEFAULT_SETTINGS
from schema.money import NANO, micros


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide about calls. `values` holds all, as the database stores them, `extra.NAME` too."""

    values: dict[str, Any]
    default_plan: str
    create_accounts: bool
    """Whether an unknown account is created on the default plan; else it is refused."""
    observe: bool
    """Whether nobody is refused for want of credit."""
    from_zero: bool
    """Whether a count below zero is taken for 0; else it is refused."""
    unknown_model_micros: int | None
    """The credit multiplier of models that are not registered; None refuses them."""
    signup_grant_nanos: int
    credits_per_dollar: int
    credit_burn: CreditBurn


def read_settings(rows: Mapping[str, Any]) -> Settings:
    """Settings from the rows of the table: name to value."""
    values = {**DEFAULT_SETTINGS, **rows}
    per_dollar = int(values["credits_per_dollar"])
    unknown = values["unknown_model"]
    return Settings(
        values=values,
        default_plan=values["default_plan"],
        create_accounts=values["unknown_account"] == "create",
        observe=values["enforcement"] == "observe",
        from_zero=values["negative_counts"] == "zero",
        unknown_model_micros=None if unknown is None else micros(Decimal(str(unknown["credits_multiplier"]))),
        signup_grant_nanos=credits_to_nanos(int(values["signup_grant_credits"]), per_dollar),
        credits_per_dollar=per_dollar,
        credit_burn=read_credit_burn(values["credit_burn"], per_dollar),
    )


def credits_to_nanos(count: int, credits_per_dollar: int) -> int:
    """Nano-USD of whole credits, rounded down where a credit is no whole number of them."""
    return count * NANO // credits_per_dollar


__all__ = ["Settings", "credits_to_nanos", "read_settings"]

"""Plans and packs: that they open something, and that their names and amounts are likely to be meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches

from schema.catalogue import Catalogue
from schema.documents.plans import QUOTA_LIMITS, STATIC_LIMITS
from schema.documents.settings import DEFAULT_SETTINGS
from schema.findings import Finding
from schema.money import plain

_ALMOST = 0.8
"""How alike two names are when one is taken for a slip of the other (as difflib counts)."""


def check_limits(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_LIMIT: a limit that is almost spelled like a quota would be a static limit that nothing counts."""
    for entity in catalogue.of("plan").values():
        for limit in entity.document.limits:
            near = () if limit in QUOTA_LIMITS or limit in STATIC_LIMITS else _almost(limit, QUOTA_LIMITS)
            if near:
                message = f"'{limit}' is no quota that is counted; did you mean '{near[0]}'?"
                yield Finding("UNKNOWN_LIMIT", message, entity.place("limits", limit, key=True), "warning")


def check_features(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_FEATURE: a feature that one plan alone unlocks and that is spelled almost like a known one.

    Names need not be listed: what is unlocked without a price of its own is the product's business.
    """
    unlocked = Counter(feature for entity in catalogue.of("plan").values() for feature in entity.document.features)
    listed = catalogue.of("feature")
    known = [*listed, *(feature for feature, count in unlocked.items() if count > 1 and feature not in listed)]
    for entity in catalogue.of("plan").values():
        for index, feature in enumerate(entity.document.features):
            near = () if feature in known else _almost(feature, known)
            if near:
                message = f"'{feature}' is no feature that another file or plan names; did you mean '{near[0]}'?"
                yield Finding("UNKNOWN_FEATURE", message, entity.place("features", index), "warning")


def _almost(word: str, known: list[str] | tuple[str, ...]) -> list[str]:
    return get_close_matches(word, known, n=1, cutoff=_ALMOST)


def check_default_plan(catalogue: Catalogue) -> Iterator[Finding]:
    """PLAN_INACTIVE: new accounts would be put on a plan that cannot be subscribed to."""
    default = catalogue.of("setting").get("default_plan")
    plan = catalogue.of("plan").get(default.document) if default is not None else None
    if default is not None and plan is not None and not plan.document.active:
        message = f"the default plan '{default.document}' is inactive ({plan.place('active')})"
        yield Finding("PLAN_INACTIVE", message, default.place(), "warning")


def check_open_models(catalogue: Catalogue) -> Iterator[Finding]:
    """PLAN_WITHOUT_MODELS: a plan whose access class, and the classes before it, hold no active model."""
    if not catalogue.complete("model") or not catalogue.complete("setting") or not catalogue.of("model"):
        return
    setting = catalogue.of("setting").get("access_classes")
    classes = DEFAULT_SETTINGS["access_classes"] if setting is None else setting.document
    held = {entity.document.access for entity in catalogue.of("model").values() if entity.document.active}
    for name, entity in catalogue.of("plan").items():
        access = entity.document.access
        if entity.document.active and access in classes and not held & {*classes[: classes.index(access) + 1]}:
            message = f"the plan '{name}' opens the class '{access}', which holds no active model"
            yield Finding("PLAN_WITHOUT_MODELS", message, entity.place("access"), "warning")


def check_fees(catalogue: Catalogue) -> Iterator[Finding]:
    """ANNUAL_FEE and INCLUDED_FAR_ABOVE_FEE: amounts of a plan that do not go together."""
    for entity in catalogue.of("plan").values():
        price = entity.document.price
        if price == "custom" or not price.monthly:
            continue
        monthly, annual, included = price.monthly, price.annual, entity.document.included_credit
        if annual is not None and (annual > 12 * monthly or annual < 4 * monthly):
            message = f"a year costs {plain(annual)} and a month {plain(monthly)}: is one of them mistyped?"
            yield Finding("ANNUAL_FEE", message, entity.place("price", "annual"), "warning")
        if entity.document.currency == "USD" and included >= 10 * monthly:
            message = f"{plain(included)} USD of credit for a fee of {plain(monthly)} USD: cents typed as dollars?"
            yield Finding("INCLUDED_FAR_ABOVE_FEE", message, entity.place("included_credit"), "warning")


def check_packs(catalogue: Catalogue) -> Iterator[Finding]:
    """PACK_FAR_FROM_FACE: packs in USD whose price is far from what their credits are worth."""
    setting = catalogue.of("setting").get("credits_per_dollar")
    if setting is None and not catalogue.complete("setting"):
        return
    per_dollar = DEFAULT_SETTINGS["credits_per_dollar"] if setting is None else setting.document
    for name, entity in catalogue.of("pack").items():
        pack = entity.document
        # In credits, so that nothing is divided.
        paid = pack.price * per_dollar
        if pack.currency != "USD" or not (pack.credits >= 3 * paid or paid >= 3 * pack.credits):
            continue
        if paid == pack.credits == 0:
            continue
        worth = plain((Decimal(pack.credits) / per_dollar).quantize(Decimal("0.01")))
        message = f"the pack '{name}' costs {plain(pack.price)} USD, and its credits are worth {worth} USD"
        yield Finding("PACK_FAR_FROM_FACE", message, entity.place("price"), "warning")


__all__ = [
    "check_default_plan",
    "check_features",
    "check_fees",
    "check_limits",
    "check_open_models",
    "check_packs",
]

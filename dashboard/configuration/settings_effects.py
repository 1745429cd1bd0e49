"""What other values of settings mean, in sentences with the numbers of the business. Pure.

Only settings that a form changes are told of; what is no fit value is left to the words below its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.configuration.entity_form import Field, Texts, fault_of, same
from dashboard.formats import money
from metering.analytics.account_counts import AccountCounts
from metering.book.settings import credits_to_nanos
from schema.documents.settings import DEFAULT_SETTINGS
from sync.edit.edits import VALUE_FIELD
from sync.render.style import count as numbered

DAYS = 30
Classes = Sequence[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is: accounts, the calls of the last days, credit, models and plans."""

    accounts: AccountCounts
    refused: int
    """Accounts without credit on plans that refuse then."""
    unregistered: Mapping[str, int]
    """Calls of the last days by a model that is not registered."""
    charge_nanos: int
    """Of the last days."""
    outstanding_nanos: int
    """Bought credit that is not spent, as usage."""
    by_credits: int
    """Models whose price in force is charged by credits."""
    models: Mapping[str, int]
    """Active models by access class."""
    plans: Mapping[str, str]
    """Access class by plan."""
    convert: Callable[[int, str], str | None]
    """An amount in another currency today, or None where no rate leads there."""
    variable_is_set: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Change:
    """A setting before and after: its text, its items, or the texts of its parts. `whole` has all settings after."""

    name: str
    before: Any
    after: Any
    whole: Mapping[str, Any]

    def numbers(self) -> tuple[int, int] | None:
        """Both as whole numbers, where they are."""
        try:
            return int(self.before), int(self.after)
        except (TypeError, ValueError):
            return None


def effects(
    fields: Sequence[Field], before: Texts, after: Texts, settings: Mapping[str, Any], facts: Facts
) -> list[str]:
    """A sentence or two for each setting that changes; `settings` are those of the files, by name."""
    was, now = (_values(fields, texts) for texts in (before, after))
    edited = [field for field in fields if not same(field.kind, before[field.id], after[field.id])]
    unfit = {field.key.name for field in edited if fault_of(field, after[field.id])}
    changed = dict.fromkeys(field.key.name for field in edited if field.key.name not in unfit)
    whole = {**DEFAULT_SETTINGS, **settings, **now}
    return [
        sentence
        for name in changed
        for sentence in _SAID.get(name, _plainly)(_Change(name, was[name], now[name], whole), facts)
    ]


def _values(fields: Iterable[Field], texts: Texts) -> dict[str, Any]:
    """What each setting says, with its default where it says nothing: text, list, or the parts of a nested one."""
    found: dict[str, Any] = {}
    for field in fields:
        name, text = field.key.name, texts[field.id].strip()
        if field.path != VALUE_FIELD:
            found.setdefault(name, {})[field.path] = text or field.default
        elif not text:
            found[name] = DEFAULT_SETTINGS.get(name)
        elif field.kind == "list":
            found[name] = [item.strip() for item in text.split(",") if item.strip()]
        else:
            found[name] = text
    return found


def _site_name(change: _Change, facts: Facts) -> Iterator[str]:
    yield "Whoever reads the settings shows this name; nothing is billed otherwise."


def _default_plan(change: _Change, facts: Facts) -> Iterator[str]:
    yield (
        f"New accounts and those whose subscription ends are put on {change.after}; as many as began in the last "
        f"{DAYS} days: {facts.accounts.began:,}."
    )
    without = numbered(facts.accounts.without_subscription, "account")
    yield f"{without} without a subscription now: each stays on the plan that it is on."


def _unknown_account(change: _Change, facts: Facts) -> Iterator[str]:
    if change.after == "refuse":
        began = numbered(facts.accounts.began, "account")
        yield f"Calls of accounts that are not known are refused; {began} began in the last {DAYS} days."
        return
    plan, granted = change.whole["default_plan"], change.whole["signup_grant_credits"]
    yield f"The first call of an unknown account creates it on {plan}, with {granted} credits."


def _unknown_model(change: _Change, facts: Facts) -> Iterator[str]:
    calls, models = sum(facts.unregistered.values()), len(facts.unregistered)
    seen = f"In the last {DAYS} days there were {numbered(calls, 'such call')} of {numbered(models, 'model')}."
    multiplier = change.after.get("credits_multiplier")
    if multiplier:
        yield f"Calls of models that are not registered are charged {multiplier} times their credits. {seen}"
    else:
        yield f"Calls of models that are not registered are refused before, and kept unpriced after the call. {seen}"


def _enforcement(change: _Change, facts: Facts) -> Iterator[str]:
    spent = numbered(facts.refused, "account")
    if change.after == "observe":
        yield f"Nobody is refused for credit, quota or access; {spent} without credit would be served from then on."
    else:
        yield f"Calls without credit, beyond a quota or of closed models are refused; {spent} without credit at once."


def _negative_counts(change: _Change, facts: Facts) -> Iterator[str]:
    words = {"zero": "taken for 0, and the rest of the call is billed", "refuse": "refused, and so is the call"}
    yield f"A count below zero is {words.get(change.after, change.after)}."


def _access_classes(change: _Change, facts: Facts) -> Iterator[str]:
    moved = []
    for plan, access in facts.plans.items():
        was, now = (_opened(classes or (), access, facts.models) for classes in (change.before, change.after))
        if was != now:
            moved.append(f"{plan} opens {now:,} instead of {was:,} models")
    yield f"{'; '.join(moved)}." if moved else "Every plan opens as many models as before."
    lost = [name for name in facts.models if name in (change.before or ()) and name not in (change.after or ())]
    if lost:
        number = numbered(sum(facts.models[name] for name in lost), "active model")
        yield f"{number} of {', '.join(lost)} would only be open to plans of that very class."


def _opened(classes: Classes, access: str, models: Mapping[str, int]) -> int:
    """How many models a plan of an access class opens: its own class and those before it in their order."""
    before = list(classes)[: list(classes).index(access)] if access in classes else []
    return sum(models.get(name, 0) for name in {access, *before})


def _currency(change: _Change, facts: Facts) -> Iterator[str]:
    if not change.after:
        yield "Totals are shown in USD alone."
        return
    shown = facts.convert(facts.charge_nanos, change.after)
    if shown is None:
        yield f"No exchange rate leads from USD to {change.after}: add one first."
    else:
        charged = money(facts.charge_nanos)
        yield f"Totals are shown in {change.after}, too: {charged} charged in the last {DAYS} days is {shown} today."


def _connection(change: _Change, facts: Facts) -> Iterator[str]:
    named = [text for path, text in change.after.items() if path.endswith("_env") and text]
    if not any(change.after.values()):
        yield "The connection goes: what used it stops, and nothing that was recorded changes."
    for name in named:
        state = "is set" if facts.variable_is_set(name) else "is not set: it must be before the next apply"
        yield f"{name} {state} in this server's environment; each process reads its own."
    if not named and any(change.after.values()):
        yield "It cannot be used before the variable of its secret is named."


def _signup(change: _Change, facts: Facts) -> Iterator[str]:
    numbers, per_dollar = change.numbers(), _whole(change.whole["credits_per_dollar"])
    if numbers is None or not per_dollar:
        return
    was, now = (credits_to_nanos(number, per_dollar) * facts.accounts.began for number in numbers)
    began = numbered(facts.accounts.began, "account")
    yield f"The {began} that began in the last {DAYS} days would have received {money(now)} instead of {money(was)}."


def _per_dollar(change: _Change, facts: Facts) -> Iterator[str]:
    numbers = change.numbers()
    if numbers is None or not all(numbers):
        return
    was, now = (facts.outstanding_nanos * number // 10**9 for number in numbers)
    worth = money(facts.outstanding_nanos)
    yield f"Bought credit keeps its worth: {worth} outstanding is shown as {now:,} instead of {was:,} credits."
    if facts.by_credits:
        yield f"{numbered(facts.by_credits, 'model')} charged by credits: see the money impact below."


def _burn(change: _Change, facts: Facts) -> Iterator[str]:
    models = numbered(facts.by_credits, "model")
    yield f"It prices the calls of the {models} charged by credits: see the money impact below."


def _shown(change: _Change, facts: Facts) -> Iterator[str]:
    yield "It changes how amounts are shown; the ledger is in USD and stays."


def _plainly(change: _Change, facts: Facts) -> Iterator[str]:
    if change.name.startswith("extra."):
        yield f"Callers read {change.name.removeprefix('extra.')} with the settings; nothing is billed by it."
    else:
        yield "Nothing is billed otherwise."


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


_SAID: Mapping[str, Callable[[_Change, Facts], Iterator[str]]] = {
    "site_name": _site_name,
    "default_plan": _default_plan,
    "unknown_account": _unknown_account,
    "unknown_model": _unknown_model,
    "enforcement": _enforcement,
    "negative_counts": _negative_counts,
    "access_classes": _access_classes,
    "currency": _currency,
    "stripe": _connection,
    "litellm": _connection,
    "notifications": _connection,
    "signup_grant_credits": _signup,
    "credits_per_dollar": _per_dollar,
    "credit_burn": _burn,
    "credit_display_name": _shown,
    "display_precision": _shown,
    "rounding_mode": _shown,
}

__all__ = ["DAYS", "Facts", "effects"]

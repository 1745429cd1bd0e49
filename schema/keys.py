"""Keys: how an entity is named in plans, in `--set` and in messages.

    model anthropic/claude-haiku-4-5            price anthropic/claude-haiku-4-5@2026-01-01
    route anthropic/_default                    rate USD/ZAR@2026-01-01
    plan pro   pack Starter   feature image_gen   setting signup_grant_credits

The provider ends at the first `/` (a model's name may hold more); the date begins after the last `@`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from schema.errors import KeyFormatError
from schema.findings import did_you_mean

KINDS = (
    "provider",
    "model",
    "price",
    "task",
    "route",
    "plan",
    "pack",
    "feature",
    "run_unit",
    "reasoning",
    "rate",
    "setting",
    "access",
    "policy",
)
"""Every kind of entity, in the order in which plans list and apply them."""

MOMENT_PATTERN = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
"""A date, or a timestamp to the minute, second or a part of it, with or without a zone."""

_MOMENT = re.compile(MOMENT_PATTERN)


class Key(NamedTuple):
    """A kind and the name of an entity of that kind."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def parse_key(text: str) -> Key:
    """Read `KIND NAME`; raises KeyFormatError for an unknown kind or an empty name."""
    kind, _, name = text.strip().partition(" ")
    name = name.strip()
    if kind not in KINDS:
        raise KeyFormatError(f"'{text}' is no key: '{kind}' is not a kind{did_you_mean(kind, KINDS)}")
    if not name:
        raise KeyFormatError(f"'{text}' is no key: it names no {kind}")
    return Key(kind, name)


def split_model(text: str) -> tuple[str, str]:
    """Provider and model of `provider/model`; the provider ends at the first slash."""
    provider, slash, model = text.partition("/")
    if not (slash and provider and model):
        raise KeyFormatError(f"'{text}' is not PROVIDER/MODEL")
    return provider, model


def split_dated(name: str) -> tuple[str, str]:
    """Name and date of `name@date`; the date begins after the last `@` and is empty when there is none.

    A model's name may hold an `@` of its own: `vertex/claude@20240229` and `cloudflare/@cf/meta/llama` have no date.
    """
    head, at, date = name.rpartition("@")
    return (head, date) if at and not date.isdecimal() and "/" not in date else (name, "")


def moment_text(moment: datetime) -> str:
    """A UTC moment as keys and YAML write it: a date at midnight, else `YYYY-MM-DDTHH:MM:SSZ`."""
    moment = moment.astimezone(UTC)
    if moment.hour == moment.minute == moment.second == moment.microsecond == 0:
        return moment.strftime("%Y-%m-%d")
    return moment.replace(tzinfo=None).isoformat() + "Z"


def parse_moment(text: str) -> datetime:
    """The inverse of `moment_text`: a date (00:00 UTC) or a timestamp; a naive time is UTC. Raises ValueError."""
    text = text.strip()
    # fromisoformat alone reads more than people write: week dates, dates without dashes, hours without minutes.
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"'{text}' is not a date")
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"'{text}' is not a date") from None

"""Calls of a day at job-scout: each asks for its route, sets credit aside, calls, and is metered by what came back.

    calls.py morning | afternoon

The answers of the providers are written down here as their libraries return them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from metering.adapters import anthropic_units, gemini_units, openai_units
from metering.errors import RefusalError
from metering.meter import Meter
from metering.usage import Usage

UNITS: dict[str, Callable[[Any], dict[str, int]]] = {
    "claude": anthropic_units,
    "openai": openai_units,
    "gemini": gemini_units,
}

Call = tuple[str, str, str, str, dict[str, Any]]

MORNING: tuple[Call, ...] = (
    ("call-1", "seeker-1", "claude", "resume_parsing", {"input_tokens": 1000, "output_tokens": 500}),
    ("call-2", "seeker-1", "claude", "cover_letter", {"input_tokens": 2000, "output_tokens": 1000}),
    ("call-3", "seeker-2", "openai", "extraction", {"prompt_tokens": 4000, "completion_tokens": 1000}),
    ("call-4", "seeker-2", "openai", "chat_response", {"prompt_tokens": 1000, "completion_tokens": 200}),
    (
        "call-5",
        "seeker-2",
        "gemini",
        "resume_parsing",
        {"promptTokenCount": 10_000, "candidatesTokenCount": 1000, "thoughtsTokenCount": 1000},
    ),
)
AFTERNOON: tuple[Call, ...] = (
    ("call-6", "seeker-1", "claude", "resume_parsing", {"input_tokens": 1000, "output_tokens": 500}),
)


def make(meter: Meter, calls: tuple[Call, ...]) -> None:
    """Make calls; what comes back is charged, and what was set aside beyond it is free again."""
    for event_id, member, provider, task, answer in calls:
        model = meter.route(provider, task, key=member)
        units = UNITS[provider](answer)
        with meter.hold(member, provider, model, input=units["input"], max_output=4000, task=task) as hold:
            receipt = hold.capture(Usage(event_id=event_id, units=units))
        print(f"{event_id}  {member}  {receipt.price_key:<46}  cost ${receipt.cost}  charge ${receipt.charge}")


def show_refusals(meter: Meter) -> None:
    """What is not made at all: nothing runs unmetered."""
    for provider, model in (("openai", "gpt-5"), ("openai", "text-embedding-ada-002")):
        try:
            meter.hold("seeker-2", provider, model, input=1000, max_output=0)
        except RefusalError as refusal:
            print(f"refused  {refusal.code}: {refusal}")


def main(part: str) -> None:
    """Make the calls of a part of the day."""
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        if part == "morning":
            make(meter, MORNING)
            show_refusals(meter)
        else:
            make(meter, AFTERNOON)


if __name__ == "__main__":
    main(sys.argv[1])

"""Calls of a day at consumer-tiers: models, images, features, reasoning levels, and what a provider counted of them.

calls.py [PROVIDER_CSV]     writes the file of the provider as well
"""

from __future__ import annotations

import csv
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from metering.meter import Meter
from metering.usage import Usage

SALES = "Sales <sales@example.com>"
LLAMA = "meta-llama/llama-3.3-70b-instruct"
QWEN = "qwen-3-235b-a22b-instruct-2507"

USAGES = (
    # free: 0.50 USD a month
    Usage(
        event_id="call-01",
        account="listener",
        provider="cerebras",
        model="qwen-3-32b",
        units={"input": 120_000, "output": 30_000},
    ),
    Usage(
        event_id="call-02",
        account="listener",
        provider="openrouter",
        model=LLAMA,
        feature="rag_search",
        units={"input": 100_000, "output": 100_000},
    ),
    Usage(
        event_id="call-03",
        account="listener",
        provider="pollinations",
        model="pollinations-image",
        feature="image_gen",
        units={"image": 2},
    ),
    Usage(
        event_id="call-04",
        account="listener",
        provider="cerebras",
        model="qwen-3-32b",
        feature="optillm_cot",
        units={"input": 10_000, "output": 10_000},
    ),
    Usage(
        event_id="call-05",
        account="listener",
        provider="cerebras",
        model="qwen-3-32b",
        reasoning_level="advanced",
        units={"input": 10_000, "output": 20_000},
    ),
    # jive: 4 USD a month
    Usage(
        event_id="call-06",
        account="dancer",
        provider="openrouter",
        model=QWEN,
        units={"input": 100_000, "output": 100_000},
    ),
    Usage(
        event_id="call-07",
        account="dancer",
        provider="openrouter",
        model=QWEN,
        feature="optillm_cot",
        units={"input": 10_000, "output": 10_000},
    ),
    Usage(
        event_id="call-08",
        account="dancer",
        provider="bfl",
        model="flux-1.1-pro",
        feature="image_gen",
        units={"image": 3},
    ),
    Usage(event_id="call-09", account="dancer", provider="studio", model="voice", units={"audio_minute": 10}),
    Usage(event_id="call-10", account="dancer", provider="studio", model="upscale", units={"image": 1}),
    # jigga: 12 USD a month, and what is more is owed
    Usage(event_id="call-11", account="band", provider="studio", model="clip", units={"video_second": 90}),
    Usage(
        event_id="call-12",
        account="band",
        provider="openrouter",
        model=LLAMA,
        feature="optillm_cot",
        units={"input": 10_000, "output": 10_000},
    ),
    Usage(event_id="call-13", account="band", feature="chart_gen"),
)

COUNTED = (
    ("call-01", 120_000, 30_000),
    ("call-05", 10_000, 14_000),
    ("call-99", 500, 500),
)
"""What Cerebras counted: one call less than we did, one more, and one that came to less."""


def main() -> None:
    """Record the calls; write the provider's file when one is named."""
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        meter.accounts.create("band", by=SALES)
        meter.subscriptions.start("band", "jigga", by=SALES)
        for usage in USAGES:
            receipt = meter.record(usage)
            what = usage.feature or usage.reasoning_level or "-"
            print(f"{usage.event_id}  {usage.account:<8}  {usage.model or '-':<33}  {what:<11}  ${receipt.charge:f}")
        decision = meter.check("listener", "bfl", "flux-1.1-pro", units={"image": 1})
        print(f"listener may draw with flux-1.1-pro: {decision.allowed}  {decision.code}")
    if len(sys.argv) > 1:
        with Path(sys.argv[1]).open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(["event_id", "model", "day", "input_tokens", "output_tokens"])
            day = datetime.now(UTC).date()
            writer.writerows((event, "cerebras/qwen-3-32b", day, given, taken) for event, given, taken in COUNTED)


if __name__ == "__main__":
    main()

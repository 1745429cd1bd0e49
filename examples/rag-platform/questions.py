"""Customers and questions of a day at rag-platform: each question is asked about before it is made, recorded after."""

from __future__ import annotations

import os
from decimal import Decimal

from metering.meter import Meter
from metering.usage import Usage
from schema.money import nanos, usd_text

PROVIDER = "litellm"
SALES = "Sales <sales@example.com>"


def show_check(meter: Meter, account: str, model: str) -> None:
    """Print whether an account may make a call, and how far its tokens are used."""
    decision = meter.check(account, PROVIDER, model)
    tokens = next(quota for quota in decision.quotas if quota.name == "tokens_per_month")
    used = f"{tokens.used} of {'unlimited' if tokens.limit is None else tokens.limit} tokens, {tokens.state}"
    answer = "may call" if decision.allowed else f"may not call: {decision.code}"
    print(f"{account:<8}  {model:<17}  {used:<38}  {answer}")


def sign_up(meter: Meter) -> None:
    """One customer tries Premium for 14 days, one has agreed on a fee; whoever else comes is on Free."""
    meter.accounts.create("lawyers", by=SALES)
    trial = meter.subscriptions.start("lawyers", "premium", by=SALES, trial=True)
    meter.accounts.create("hospital", by=SALES)
    agreed = meter.subscriptions.start("hospital", "enterprise", by=SALES, fee_nanos=nanos(Decimal(900)))
    for account, one in (("lawyers", trial), ("hospital", agreed)):
        print(f"{account}: {one.plan}, {one.status}, ${usd_text(one.fee_nanos)} a month")


def main() -> None:
    """Ask the day's questions."""
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        sign_up(meter)

        def ask(event_id: str, account: str, model: str, given: int, taken: int) -> None:
            show_check(meter, account, model)
            units = {"input": given, "output": taken}
            meter.record(Usage(event_id=event_id, account=account, provider=PROVIDER, model=model, units=units))

        # Free: 50,000 tokens, then it stops.
        small = meter.route(PROVIDER, "answer", key="student")
        ask("student-1", "student", small, 40_000, 9999)
        ask("student-2", "student", small, 0, 1)
        show_check(meter, "student", small)
        show_check(meter, "student", "gemini-2.0-pro")

        # Pro: 500,000 tokens, and more at 30 USD per million.
        large = meter.route(PROVIDER, "deep_answer", key="bakery")
        ask("bakery-1", "bakery", large, 400_000, 100_000)
        ask("bakery-2", "bakery", large, 8000, 2000)
        show_check(meter, "bakery", large)

        # Premium: 2,000,000 tokens, and a tenth more for free.
        ask("lawyers-1", "lawyers", "gpt-4-turbo", 1_500_000, 500_000)
        ask("lawyers-2", "lawyers", "claude-3.5-sonnet", 150_000, 50_000)
        show_check(meter, "lawyers", "gpt-4-turbo")

        # Enterprise: no end, and a model of its own.
        ask("hospital-1", "hospital", "customer-llama-ft", 2_000_000, 1_000_000)
        show_check(meter, "hospital", "customer-llama-ft")


if __name__ == "__main__":
    main()

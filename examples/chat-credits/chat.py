"""Messages of a day at chat-credits: by alias alone, charged in credits by weighted tokens.

chat.py day | evening
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal

from metering.meter import Meter
from metering.usage import Usage

Message = tuple[str, str, str, str, int, int, int]
"""Event, account, alias, task, and tokens: fresh input, cached input, output."""

DAY: tuple[Message, ...] = (
    ("msg-01", "beta-1", "gpt-4o-mini", "chat", 100, 50, 10),
    ("msg-02", "beta-1", "deepseek", "chat", 0, 0, 10_000),
    ("msg-03", "beta-1", "claude-sonnet", "chat", 20_000, 10_000, 2000),
    ("msg-04", "beta-1", "gpt-4o-mini", "manager_routing", 1000, 0, 10),
    ("msg-05", "late-1", "gpt-4o", "chat", 10_000, 5000, 6000),
    ("msg-06", "late-1", "gemini-flash", "chat", 0, 0, 10_000),
    ("msg-07", "late-1", "gemini-pro", "chat", 0, 0, 10_000),
    ("msg-08", "late-1", "claude-haiku", "chat", 0, 0, 10_000),
    ("msg-09", "late-1", "an-alias-nobody-knows", "chat", 0, 0, 10_000),
    ("msg-10", "late-1", "gpt-4o-mini", "chat", -5, 0, 1000),
)
EVENING: tuple[Message, ...] = (("msg-11", "visitor", "gpt-4o-mini", "chat", 0, 0, 10_000),)


def main(part: str) -> None:
    """Record the messages of a part of the day and show what each took, in credits."""
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        per_dollar = meter.wallets.display().per_dollar
        for event_id, account, alias, task, fresh, cached, output in DAY if part == "day" else EVENING:
            units = {"input": fresh, "cache_read": cached, "output": output}
            receipt = meter.record(Usage(event_id=event_id, account=account, model=alias, task=task, units=units))
            charged = (receipt.charge * per_dollar).normalize() + Decimal(0)
            print(f"{event_id}  {account:<7}  {alias:<21}  {charged:f} credits  balance ${receipt.balance}")
        decision = meter.check("visitor", None, "gpt-4o-mini", units={"output": 10_000})
        print(f"visitor may call: {decision.allowed}  {decision.code or ''}  {decision.message or ''}")


if __name__ == "__main__":
    main(sys.argv[1])

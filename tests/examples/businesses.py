"""An example's business in a repository and a database of its own, and its day."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from metering.subscriptions.periods import months_later
from metering.wallets.proof import flaws
from schema.database import make_engine, reading

EXAMPLES = Path(__file__).parents[2] / "examples"
MONEY = ("cost_usd", "charge_usd", "revenue_usd", "profit_usd")

Amounts = tuple[Decimal, ...]


def money(*texts: str) -> Amounts:
    """Cost, charge, revenue and profit, as a bill has them."""
    return tuple(Decimal(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Business:
    """A repository with an example's configuration, and the database it is applied to."""

    top: Path
    url: str
    environment: dict[str, str]

    def ratecard(self, *words: str, code: int = 0) -> str:
        """Run the real command on the database; returns what it prints, together with its faults when it refuses."""
        done = subprocess.run(
            ["ratecard", *words],
            cwd=self.top,
            env=self.environment | {"RATECARD_DATABASE_URL": self.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def bill(self, *by: str) -> tuple[dict[tuple[str | None, ...], Amounts], dict[str, Any]]:
        """The bill: amounts by what was asked for, and its total."""
        found = json.loads(self.ratecard("usage", "--by", ",".join(by), "--format", "json"))
        rows = {tuple(row[name] for name in by): money(*(row[name] for name in MONEY)) for row in found["rows"]}
        return rows, found["total"]

    def faults_of_the_ledger(self) -> list[Any]:
        """What is wrong with any balance; nothing, as it should be."""
        engine = make_engine(self.url)
        try:
            with reading(engine) as connection:
                return list(flaws(connection))
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Day(Business):
    """A day that was run: its business and what it printed."""

    output: str

    @property
    def lines(self) -> list[str]:
        """What was printed, with single spaces."""
        return [" ".join(line.split()) for line in self.output.splitlines()]


def today() -> datetime:
    """The real clock, which commands and days run by."""
    return datetime.now(UTC)


def fee_of_a_day(monthly_usd: int) -> Decimal:
    """What the first day of a subscription that begins today earns: the month runs to the same day of the next."""
    moment = datetime.combine(today().date(), time(), UTC)
    return Decimal(monthly_usd * 10**9 // (months_later(moment, 1) - moment).days) / 10**9

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Connection, Engine, func, select

from metering.analytics import Period, attention, daily, mrr_nanos, totals
from metering.wallets.ledger import imbalances
from schema.database import make_engine, reading
from schema.tables import (
    account_state,
    accounts,
    grants,
    ledger_postings,
    metadata,
    releases,
    subscriptions,
    usage_events,
)
from sync.demo.story import write_demo
from sync.errors import RefusedError

ROOT = Path(__file__).parents[2]
CONFIG = {
    file.relative_to(ROOT / "config").as_posix(): file.read_text(encoding="utf-8")
    for file in sorted((ROOT / "config").rglob("*.yaml"))
}
CALLS = 8_819 + 19_366
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shipped(make_repository: Callable[..., Path]) -> Path:
    """A repository with the shipped configuration."""
    return make_repository(CONFIG)


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    engine = make_engine(url, create=False)
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def contents(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def demo(run: Run, top: Path, url: str) -> dict[str, Any]:
    done = run("demo", "--no-serve", "--format", "json", "--database", url, cwd=top)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("calls: ") for line in done.stderr.splitlines())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Card:
    """The shipped prices as exact fractions, read from the YAML alone."""

    def __init__(self) -> None:
        self.free = {
            name
            for name, task in yaml.safe_load(CONFIG["tasks.yaml"])["tasks"].items()
            if task.get("billable") is False
        }
        self.entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.burn = yaml.load(CONFIG["settings.yaml"], yaml.BaseLoader)
        for path, text in CONFIG.items():
            if path.startswith("pricing/"):
                document = yaml.load(text, yaml.BaseLoader)
                for model, dated in document["prices"].items():
                    default = document.get("defaults", {}).get("margin")
                    self.entries[document["provider"], model] = [{"margin": default} | entry for entry in dated]

    def rate(self, event: Any) -> tuple[int, int]:
        """Cost and charge in nano-USD, each rounded once, half to even."""
        day = event.occurred_at.date().isoformat()
        dated = [entry for entry in self.entries[event.provider, event.model] if entry["effective"] <= day]
        entry = max(dated, key=lambda entry: entry["effective"])
        cost = self._sum(entry, event)
        if "charge" in entry:
            charge = self._sum(entry["charge"], event)
        elif "credits" in entry:
            burn = self.burn["credit_burn"]
            weights = {unit: Fraction(weight) for unit, weight in burn["weights"].items()}
            tokens = weights["input"] * event.input_units + weights["output"] * event.output_units
            credits_burned = tokens * Fraction(entry["credits"]["multiplier"]) / int(burn["tokens_per_credit"])
            charge = credits_burned / int(self.burn["credits_per_dollar"])
        else:
            margin = entry["margin"]
            if isinstance(margin, Mapping):
                margin = margin.get("plans", {}).get(event.plan, margin["default"])
            charge = cost * Fraction(margin)
        return round(cost * 10**9), 0 if event.task in self.free else round(charge * 10**9)

    @staticmethod
    def _sum(entry: dict[str, Any], event: Any) -> Fraction:
        rates = entry["per_million"]
        for tier in entry.get("above_input", ()):
            if event.input_units > int(tier["from"]):
                rates = rates | tier["per_million"]
        total = Fraction(rates["input"]) * event.input_units + Fraction(rates["output"]) * event.output_units
        return total / 10**6


def test_the_demo_is_what_it_says(run_ratecard: Run, shipped: Path, database_url: str, tmp_path: Path) -> None:
    told = demo(run_ratecard, shipped, database_url)
    assert (told["added"], told["accounts"], told["calls"]) == (True, 60, CALLS)
    anchor = datetime.fromisoformat(told["anchor"])
    assert timedelta(0) <= datetime.now(UTC) - anchor < timedelta(minutes=5)
    window = Period.last(90, anchor.date())

    with opened(database_url) as connection:
        event = usage_events.c
        days = dict(tuple(row) for row in connection.execute(select(event.day, func.count()).group_by(event.day)))
        assert sum(days.values()) == CALLS
        assert set(days) == set(window.days())
        assert connection.execute(select(func.max(event.occurred_at))).scalar_one() == anchor
        assert connection.execute(select(func.count()).where(event.status != "priced")).scalar_one() == 0
        assert connection.execute(select(func.sum(event.input_units), func.sum(event.output_units))).one() == (
            40_421_844,
            4_334_561,
        )
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=shipped, capture_output=True, text=True, check=True)
        assert connection.execute(select(releases.c.commit_sha)).scalars().all() == [commit.stdout.strip()]

        plans = yaml.safe_load(CONFIG["plans.yaml"])["plans"]
        assert set(connection.execute(select(account_state.c.plan).distinct()).scalars()) == set(plans)
        assert set(connection.execute(select(event.plan).distinct()).scalars()) == set(plans)
        began = connection.execute(select(func.min(subscriptions.c.started_at))).scalar_one()
        assert 355 <= (anchor - began).days <= 365
        kinds = dict(
            tuple(row) for row in connection.execute(select(grants.c.kind, func.count()).group_by(grants.c.kind))
        )
        assert kinds["purchase"] == 15
        assert kinds["plan"] > 300
        statuses = set(connection.execute(select(subscriptions.c.status).distinct()).scalars())
        assert statuses == {"active", "trial", "cancelled"}

        met = connection.execute(
            select(*(func.sum(event[f"{kind}_nanos"]) for kind in ("included", "purchased", "owed", "overdraft")))
        ).one()
        assert [bool(amount) for amount in met] == [True, True, True, False]
        assert imbalances(connection) == []
        found = totals(connection, window, today=anchor.date())
        assert found.accounts == 60
        assert found.users > 100
        assert found.usage_revenue_nanos > 0
        assert found.subscription_nanos > found.usage_revenue_nanos
        assert found.profit_nanos > 0
        assert sum(row.revenue_nanos for row in daily(connection, window)) == found.revenue_nanos
        assert mrr_nanos(connection, anchor.date()) > 500 * 10**9
        assert [one.code for one in attention(connection, anchor.date())] == ["BELOW_ZERO"]
        assert min(row.usage_revenue_nanos for row in daily(connection, window)[:-1]) > 0
        before = contents(connection)

    usage_equals_the_events_priced_by_hand(run_ratecard, shipped, database_url)
    again = demo(run_ratecard, shipped, database_url)
    assert again == told | {"added": False}
    with opened(database_url) as connection:
        assert contents(connection) == before
    if database_url.startswith("sqlite"):
        an_interrupted_demo_is_completed_to_the_same(run_ratecard, shipped, database_url, anchor, tmp_path)


def usage_equals_the_events_priced_by_hand(run_ratecard: Run, shipped: Path, database_url: str) -> None:
    card = Card()
    cost: dict[str, int] = defaultdict(int)
    charge: dict[str, int] = defaultdict(int)
    with opened(database_url) as connection:
        event = usage_events.c
        columns = [
            event[name]
            for name in (
                "occurred_at",
                "provider",
                "model",
                "plan",
                "task",
                "input_units",
                "output_units",
                "cost_nanos",
            )
        ]
        for row in connection.execute(select(*columns, event.charge_nanos)):
            by_hand = card.rate(row)
            assert by_hand == (row.cost_nanos, row.charge_nanos)
            cost[f"{row.provider}/{row.model}"] += by_hand[0]
            charge[f"{row.provider}/{row.model}"] += by_hand[1]
    done = run_ratecard("usage", "--by", "model", "--format", "json", "--database", database_url, cwd=shipped)
    found = json.loads(done.stdout)

    def nanos(usd: str) -> Fraction:
        return Fraction(usd) * 10**9

    assert {row["model"]: nanos(row["cost_usd"]) for row in found["rows"]} == cost
    assert {row["model"]: nanos(row["charge_usd"]) for row in found["rows"]} == charge
    total = found["total"]
    assert total["requests"] == CALLS
    assert nanos(total["cost_usd"]) == sum(cost.values())
    assert nanos(total["charge_usd"]) == sum(charge.values())
    parts = ("usage_revenue_usd", "repaid_usd", "subscription_usd")
    assert sum(Fraction(total[name]) for name in parts) == Fraction(total["revenue_usd"])


def write(engine: Engine, url: str, now: datetime, progress: Callable[[int, int], None]) -> None:
    write_demo(engine, url, now=now, say=lambda line: None, progress=progress)


def an_interrupted_demo_is_completed_to_the_same(
    run_ratecard: Run, shipped: Path, whole: str, anchor: datetime, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'interrupted.db'}"
    assert run_ratecard("apply", "--yes", "--database", url, cwd=shipped).returncode == 0
    engine = make_engine(url)

    def interrupt(done: int, calls: int) -> None:
        if done > 10_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(engine, url, anchor, interrupt)
    # The next run comes later: the end of the window stays where it was.
    write(engine, url, anchor + timedelta(hours=1), lambda done, calls: None)
    engine.dispose()
    states = []
    for one in (whole, url):
        with opened(one) as connection:
            state = account_state.c
            balances = connection.execute(
                select(accounts.c.account, state.balance_nanos, state.owed_nanos, state.plan)
                .join_from(account_state, accounts, accounts.c.id == state.account_id)
                .order_by(accounts.c.account)
            ).all()
            states.append((totals(connection, Period()), balances, contents(connection)))
    assert states[0] == states[1]


def test_a_database_of_somebody_else_is_refused(run_ratecard: Run, shipped: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'theirs.db'}"
    assert run_ratecard("apply", "--yes", "--database", url, cwd=shipped).returncode == 0
    usage = tmp_path / "usage.csv"
    usage.write_text(
        "event_id,occurred_at,account,model,input,output\ne1,2026-01-02,theirs,anthropic/claude-haiku-4-5,10,1\n"
    )
    assert run_ratecard("meter", "import", str(usage), "--database", url).returncode == 0
    done = run_ratecard("demo", "--no-serve", "--database", url, cwd=shipped)
    assert (done.returncode, done.stderr) == (
        1,
        "ratecard: the database holds accounts that are not the demo's; name an empty one with --database\n",
    )
    with opened(url) as connection:
        assert connection.execute(select(accounts.c.account)).scalars().all() == ["theirs"]


def test_without_a_repository_or_a_config(
    run_ratecard: Run, make_repository: Callable[..., Path], tmp_path: Path
) -> None:
    done = run_ratecard("demo", "--no-serve", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("is not in a git repository; run `git init` and commit the config\n")
    top = make_repository({}, others={"README.md": "Nothing here\n"})
    done = run_ratecard("demo", "--no-serve", cwd=top)
    assert done.returncode == 1
    assert "there is no folder config at commit" in done.stderr
    assert not (top / ".ratecard").exists()


def test_another_configuration_has_a_demo_too(
    small_config: dict[str, str], make_repository: Callable[..., Path], run_ratecard: Run, tmp_path: Path
) -> None:
    top = make_repository(small_config)
    url = f"sqlite:///{tmp_path / 'small.db'}"
    assert run_ratecard("apply", "--yes", "--database", url, cwd=top).returncode == 0
    engine = make_engine(url)
    write(engine, url, datetime(2026, 6, 1, 12, tzinfo=UTC), lambda done, whole: None)
    with reading(engine) as connection:
        event = usage_events.c
        assert connection.execute(select(func.count()).select_from(usage_events)).scalar_one() == CALLS
        assert set(connection.execute(select(event.plan).distinct()).scalars()) == {"free", "pro"}
        assert set(connection.execute(select(event.task).distinct()).scalars()) == {"extraction", "chat_response"}
        # Free opens the basic models only.
        models = select(event.model).where(event.plan == "free").distinct()
        assert connection.execute(models).scalars().all() == ["claude-haiku-4-5"]
        assert connection.execute(select(func.max(event.day))).scalar_one() == date(2026, 6, 1)
        assert imbalances(connection) == []
    engine.dispose()


def test_before_any_price_there_is_no_demo(
    small_config: dict[str, str], make_repository: Callable[..., Path], run_ratecard: Run, tmp_path: Path
) -> None:
    top = make_repository(small_config)
    url = f"sqlite:///{tmp_path / 'small.db'}"
    assert run_ratecard("apply", "--yes", "--database", url, cwd=top).returncode == 0
    engine = make_engine(url)
    with pytest.raises(RefusedError, match="routes to a language model with a price"):
        write(engine, url, datetime(2026, 2, 1, tzinfo=UTC), lambda done, whole: None)
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(ledger_postings)).scalar_one() == 0
    engine.dispose()

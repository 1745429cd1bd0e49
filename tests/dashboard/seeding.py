"""A small business for the dashboard: a repository applied by the real apply, calls recorded by the real meter.

Names try to be markup and formulas on purpose.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from metering.accounts.accounts import account_id
from metering.meter import Meter
from metering.subscriptions.subscriptions import subscribe
from metering.usage import Usage
from schema.database import make_engine, reading, writing
from sync.apply import apply_plan, prepare
from sync.plan import plan_for
from sync.repository import Repository
from sync.target import load_target
from tests.small_config import SMALL_CONFIG

PERSON = ("Price Desk", "prices@example.com")
ACCOUNTS = ("acct-0001", "=cmd()", "**bold** <script>alert(1)</script>", ":red[x] www.example.com")
DAYS = 45
POLICY = """\
base_branch: main
local_merges: true
"""
ACCESS = """\
admins:
  - prices@example.com
analysts:
  - books@example.com
viewers:
  - help@example.com
"""


@dataclass(frozen=True)
class Seeded:
    """A repository and its database."""

    repository: Path
    url: str

    def engine(self) -> Engine:
        """A new engine on the database."""
        return make_engine(self.url, create=False)


def configuration(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The small configuration with prices of long ago, a policy and people."""
    files = {path: text.replace("2026-01-01", "2020-01-01") for path, text in SMALL_CONFIG.items()}
    return files | {"ratecard.yaml": POLICY, "access.yaml": ACCESS} | dict(changes or {})


def git(top: Path, *words: str) -> str:
    """Run git in a repository; returns what it prints."""
    done = subprocess.run(["git", *words], cwd=top, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_repository(top: Path, files: Mapping[str, str]) -> None:
    """A git repository with `files` under `config/` in one commit on main."""
    for path, text in files.items():
        target = top / "config" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "config", "user.name", PERSON[0])
    git(top, "config", "user.email", PERSON[1])
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message=Write the first rate card")


def apply_head(
    top: Path, url: str, now: datetime, *, by: str = f"{PERSON[0]} <{PERSON[1]}>", label: str = "v1"
) -> None:
    """Apply HEAD as `ratecard apply` does."""
    engine = make_engine(url)
    prepare(engine)
    target = load_target(Repository.open(top), "HEAD", "config", now=now)
    with reading(engine) as connection:
        plan, _ = plan_for(connection, target, now=now)
    apply_plan(engine, plan, target, now=now, applied_by=by, label=label)
    engine.dispose()


def record_usage(url: str, now: datetime) -> None:
    """Calls of four accounts over 45 days up to `now`, credit, a subscription, and one call without a price."""
    clock = [now - timedelta(days=DAYS)]
    with Meter.open(url, now=lambda: clock[0]) as meter:
        for name in ACCOUNTS:
            meter.wallets.grant(name, "purchase", key=f"pack {name}", usd=Decimal(20), paid=Decimal(15))
        with writing(meter.engine) as connection:
            number = account_id(connection, ACCOUNTS[0])
            pro = meter.book.plans["pro"]
            subscribe(connection, number, pro, "monthly", clock[0] + timedelta(seconds=1), now=clock[0] + timedelta(1))
        clock[0] = now
        usages = [
            Usage(
                event_id=f"call-{day}-{place}",
                account=account,
                user=f"user {place} of {account}",
                model=("anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4o")[(day + place) % 3],
                task="extraction" if place % 2 else "chat_response",
                units={"input": 1_000 + 37 * day, "output": 211 + place},
                occurred_at=now - timedelta(days=day, seconds=place),
            )
            for day in range(DAYS - 1)
            for place, account in enumerate(ACCOUNTS)
        ]
        meter.record_many(usages)
        meter.record(
            Usage(event_id="unpriced", account=ACCOUNTS[0], model="openai/gpt-9", units={"input": 5}, occurred_at=now)
        )


def seed(folder: Path, files: Mapping[str, str] | None = None, *, url: str | None = None) -> Seeded:
    """A repository in `folder` and a filled database; without a `url` it is a file, copied once there is such a one."""
    top = folder / "repository"
    if url is not None:
        return fill(Seeded(top, url), files)
    file = folder / "ratecard.db"
    seeded = Seeded(top, f"sqlite:///{file}")
    kept = folder.parent / f"seeded-{hashlib.sha256(repr(files).encode()).hexdigest()[:12]}"
    if kept.exists():
        shutil.copytree(kept / top.name, top)
        shutil.copyfile(kept / file.name, file)
    else:
        fill(seeded, files)
        kept.mkdir()
        shutil.copyfile(file, kept / file.name)
        shutil.copytree(top, kept / top.name)
    return seeded


def fill(seeded: Seeded, files: Mapping[str, str] | None) -> Seeded:
    """Make the repository and fill the database."""
    seeded.repository.mkdir(parents=True)
    make_repository(seeded.repository, configuration(files))
    now = datetime.now(UTC)
    apply_head(seeded.repository, seeded.url, now - timedelta(days=DAYS + 1))
    record_usage(seeded.url, now)
    return seeded

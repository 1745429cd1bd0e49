"""A business whose every free text tries to be markup, a script, a link, a formula or right-to-left text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from metering.meter import Meter
from metering.usage import Usage
from schema.database import writing
from schema.keys import Key
from schema.tables import runtimes
from sync.edit import SetField
from sync.propose import propose
from sync.repository import Person, Repository
from tests.dashboard.seeding import DAYS, Seeded, apply_head, configuration, git, make_repository, record_usage
from tests.metering.runtimes.test_listing import told

SCRIPT = "<script>window.__x=1</script>"
MARKUP = f"{SCRIPT} **x** [a](http://example.com) :red[x] $x$ :smile: www.example.com `x` ~~x~~ שלום مرحبا"
MODEL = f"openai/@SUM(1){SCRIPT}**x**[a](http://example.com):red[x]$x$"
ADDRESS = f"=cmd(){SCRIPT}**x**@example.com"


def nasty(what: str) -> str:
    """A text that begins like a formula, holds every kind of markup, and ends with what it is for."""
    return f"=cmd() {MARKUP} {what}"


PRICES = f"pricing/{nasty('prices').replace('/', '')}.yaml"
"""A file: its name holds all but slashes."""
ACCOUNT = nasty("account")
EVENT = nasty("event")
WRITER = Person("=cmd() **x** [a](http://example.com) :red[x] $x$ שלום", "desk@example.com")
"""Git takes angle brackets out of names."""


def _text(what: str) -> str:
    return json.dumps(nasty(what), ensure_ascii=False)


_name = MODEL.removeprefix("openai/")
FILES = {
    "registry/openai.yaml": f"""\
provider: openai
display_name: {_text("provider")}
models:
  gpt-4o:
    display_name: {_text("gpt-4o")}
    type: llm
  {json.dumps(_name)}:
    display_name: {_text("model")}
    type: llm
    aliases: [{json.dumps("@alias" + SCRIPT)}]
""",
    PRICES: f"""\
provider: openai
prices:
  gpt-4o:
    - effective: 2020-01-01
      per_million:
        input: 2.50
        output: 10.00
        cache_read: 1.25
      margin: 1.5
  {json.dumps(_name)}:
    - effective: 2020-01-01
      per_million:
        input: 1.00
        output: 2.00
      margin: 2.0
      source:
        url: {_text("source")}
        note: {_text("source note")}
      note: {_text("price note")}
""",
    "tasks.yaml": f"""\
tasks:
  extraction:
    description: {_text("task")}
  chat_response:
    description: {_text("chat task")}
""",
    "plans.yaml": f"""\
plans:
  free:
    name: {_text("free plan")}
    description: {_text("plan description")}
    price:
      monthly: 0
    access: basic
    included_credit: 0.50
    overage: block
    limits:
      tokens_per_month: 100000
  pro:
    name: {_text("plan")}
    description: {_text("pro description")}
    price:
      monthly: 20
      annual: 200
    access: all
    included_credit: 10
    overage: soft
    limits:
      tokens_per_month: unlimited
""",
    "credit_packs.yaml": f"""\
packs:
  Growth:
    price: 15
    credits: 175000
    order: 2
    badge: {_text("badge")}
    stripe_price_id: {_text("stripe price")}
""",
    "features.yaml": f"""\
features:
  search:
    display_name: {_text("feature")}
    description: {_text("feature description")}
    cost_type: per_use
    amount: 0.01
""",
    "exchange_rates.yaml": f"""\
rates:
  USD/ZAR:
    - effective: 2020-01-01
      rate: 18.5
      source:
        url: {_text("rate source")}
        note: {_text("rate note")}
""",
    "run_units.yaml": """\
tiers:
  standard: 1
overheads:
  default: 0.1
""",
    "reasoning.yaml": """\
levels:
  high: 1.5
""",
    "settings.yaml": f"""\
site_name: {_text("site")}
default_plan: free
unknown_account: create
signup_grant_credits: 1000
credits_per_dollar: 10000
credit_display_name: {_text("credits")}
currency: ZAR
litellm:
  url: {_text("proxy")}
  master_key_env: LITELLM_KEY
extra:
  words: {_text("extra")}
  list: [{_text("listed")}]
""",
    "access.yaml": f"""\
admins:
  - prices@example.com
viewers:
  - {json.dumps(ADDRESS)}
""",
}

LATER = f"""\
    - effective: 2020-06-01
      per_million:
        input: 1.50
        output: 2.00
      margin: 3.0
      note: {_text("price note")}
"""
"""A price that the second release appends for the hostile model."""


def seed_hostile(folder: Path) -> Seeded:
    """A repository in `folder` and a filled database, with two releases and two proposals."""
    top = folder / "repository"
    top.mkdir(parents=True)
    make_repository(top, {path: text for path, text in configuration(FILES).items() if path != "pricing/openai.yaml"})
    seeded = Seeded(top, f"sqlite:///{folder / 'ratecard.db'}")
    now = datetime.now(UTC)
    apply_head(top, seeded.url, now - timedelta(days=DAYS + 1))
    record_usage(seeded.url, now)
    _live(seeded.url, now)
    # Pages count by whole minutes: what was applied in this one is still to come for them.
    _release(seeded, now - timedelta(minutes=2))
    _proposals(top, now)
    return seeded


def _live(url: str, now: datetime) -> None:
    """An account with everything that an account can have."""
    by = nasty("person")
    reason = nasty("reason")
    with Meter.open(url, now=lambda: now) as meter:
        meter.accounts.create(ACCOUNT, by=by, name=nasty("name"), reason=reason)
        meter.accounts.add_user(ACCOUNT, nasty("user"), by=by, name=nasty("user name"), email=ADDRESS)
        meter.subscriptions.start(ACCOUNT, "pro", by=by, reason=reason)
        meter.wallets.grant(
            ACCOUNT, "purchase", key=nasty("grant"), usd=Decimal(20), paid=Decimal(15), note=nasty("grant note")
        )
        meter.keys.create("meter", by=by, account=ACCOUNT, name=nasty("key"), reason=reason)
        meter.record(
            Usage(
                event_id=EVENT,
                account=ACCOUNT,
                user=nasty("caller"),
                model=MODEL,
                task=nasty("unknown task"),
                tool=nasty("tool"),
                tier=nasty("tier"),
                units={"input": 90_000_000, "output": 500_000},
            )
        )
        meter.record(Usage(event_id="of a feature", account=ACCOUNT, feature="search"))
        meter.record(Usage(event_id="of no model", account=ACCOUNT, model=nasty("unpriced model"), units={"input": 5}))
        meter.wallets.refund_usage(ACCOUNT, EVENT, key=nasty("refund"), usd=Decimal(1), note=nasty("refund note"))
        # Its wrong clock has it named in words, too.
        running = told(nasty("program"), host=nasty("host"), release_id=2, seen_at=now, clock_at=now + timedelta(1))
        with writing(meter.engine) as connection:
            connection.execute(runtimes.insert().values(running))


def _release(seeded: Seeded, now: datetime) -> None:
    """A second release, by a commit whose author and subject are hostile."""
    file = seeded.repository / "config" / PRICES
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}{LATER}", encoding="utf-8")
    git(seeded.repository, "commit", "--quiet", "--all", f"--author={WRITER}", f"--message={nasty('subject')}")
    apply_head(seeded.repository, seeded.url, now, by=nasty("applier"), label=nasty("label"))


def _proposals(top: Path, now: datetime) -> None:
    edit = SetField(Key("plan", "pro"), "description", nasty("proposed description"))
    made = propose(Repository.open(top), [edit], title=nasty("proposal"), author=WRITER, now=now)
    git(top, "branch", f"ratecard/=cmd(){SCRIPT}", made.branch)

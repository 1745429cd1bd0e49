"""Explaining charges that the runtime recorded, on a database to which commits of a real repository were applied."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading, writing
from schema.tables import CONFIG_TABLES, usage_adjustments, usage_events
from sync.apply import apply_plan
from sync.errors import RefusedError
from sync.explain import Explanation, explain
from sync.explain.json_form import as_json
from sync.explain.origin import Archive, Origin, Unknown
from sync.plan import plan_for
from sync.render.explain_text import explain_lines
from sync.render.style import Style
from sync.repository import Repository
from sync.target import load_target
from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Git = Callable[..., str]
PRICING = SMALL_CONFIG["pricing/anthropic.yaml"]
RISEN = PRICING.replace("output: 5.00", "output: 6.00 # as announced")


class Shop:
    """A repository, its database, and a meter on it."""

    def __init__(self, top: Path, engine: Engine, url: str, git: Git) -> None:
        self.top, self.engine, self.url, self.git = top, engine, url, git
        self.repository = Repository.open(top)

    def commit(self, files: Mapping[str, str], title: str, author: str) -> str:
        for path, content in files.items():
            target = self.top / "config" / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(content)
        self.git(self.top, "add", "--all")
        self.git(self.top, "commit", "--quiet", f"--message={title}", f"--author={author}")
        return self.git(self.top, "rev-parse", "HEAD")

    def apply(self, *allowed: str) -> int:
        target = load_target(self.repository, "HEAD", "config", now=NOW)
        with reading(self.engine) as connection:
            plan, _ = plan_for(connection, target, now=NOW)
        done = apply_plan(
            self.engine, plan, target, now=NOW, applied_by="Release Desk <release@example.com>", allowed=allowed
        )
        assert done.release is not None
        return done.release

    def record(self, event_id: str, model: str = "claude-haiku-4-5", account: str = "acme", **more: Any) -> None:
        more = {"provider": "anthropic", "units": {"input": 3_812, "output": 440}, "occurred_at": NOW, **more}
        with Meter.open(self.url, now=lambda: NOW) as meter:
            meter.record(Usage(event_id=event_id, account=account, model=model, **more))

    def explain(self, event_id: str, account: str | None = None, repository: Repository | None = None) -> Explanation:
        with reading(self.engine) as connection:
            return explain(connection, Archive(repository or self.repository, "config"), event_id, account)

    def lines(self, event_id: str) -> list[str]:
        return list(explain_lines(self.explain(event_id), Style()))


@pytest.fixture
def shop(make_repository: Callable[..., Path], engine: Engine, migrated_url: str, run_git: Git) -> Iterator[Shop]:
    shop = Shop(make_repository(SMALL_CONFIG), engine, migrated_url, run_git)
    yield shop
    shop.repository.close()


def test_down_to_file_line_commit_and_author(shop: Shop) -> None:
    first = shop.git(shop.top, "rev-parse", "HEAD")
    second = shop.commit({"pricing/anthropic.yaml": RISEN}, "Raise haiku's output", "Finance <finance@example.com>")
    shop.apply()
    with Meter.open(shop.url, now=lambda: NOW) as meter:
        meter.wallets.grant("acme", "purchase", key="order-1", usd=10, paid=8)
    shop.record("call-1", task="extraction", user="user-7")
    day = shop.git(shop.top, "show", "--no-patch", "--format=%ad", "--date=format-local:%Y-%m-%d", "HEAD")
    posting = shop.explain("call-1").recorded.posting
    assert posting is not None
    (burned,) = posting.burned
    assert shop.lines("call-1") == [
        "event    call-1 of account acme",
        "call     anthropic/claude-haiku-4-5 at 2026-06-15 12:00:00Z, plan free, user user-7, task extraction",
        f"recorded 2026-06-15 12:00:00Z under release 1, commit {second[:12]}",
        "charged  $0.019356, at a cost of $0.006452",
        "",
        "price    anthropic/claude-haiku-4-5@2026-01-01, in force from 2026-01-01",
        "         applied by release 1 of 2026-06-15 12:00:00Z, by Release Desk <release@example.com>",
        f"         config/pricing/anthropic.yaml:6-12 at commit {second[:12]}",
        f"         last changed by {second[:12]} of Finance <finance@example.com> on {day}: Raise haiku's output",
        "",
        f"cost     input   3,812 x $1 per 1M  = $0.003812  line 8 {first[:12]} Price Desk",
        f"         output    440 x $6 per 1M  = $0.00264   line 9 {second[:12]} Finance",
        "         together $0.006452",
        "",
        f"charge   $0.006452 x margin 3 = $0.019356  line 12 {first[:12]} Price Desk",
        "",
        "met by   $0.019356 included",
        f"         posting {posting.row['id']}: -$0.019356; balance after it $10.580644",
        f"         burned $0.019356 of grant {burned.grant['id']} (plan, $0.5, expires 2026-07-01)",
    ]


def test_json_says_the_same(shop: Shop) -> None:
    commit = shop.git(shop.top, "rev-parse", "HEAD")
    shop.apply()
    shop.record("call-1", model="claude-sonnet-4-5", units={"input": 200_001, "cache_read": 1, "output": 3})
    told = as_json(shop.explain("call-1"))
    assert json.loads(json.dumps(told)) == told
    assert (told["format_version"], told["adds_up"], told["unpriced_because"]) == (1, True, None)
    assert told["event"]["units"] == {"input": 200_001, "output": 3, "cache_read": 1}
    assert told["price"]["origin"]["line"] == 14
    assert (told["price"]["origin"]["file"], told["price"]["origin"]["commit"]) == (
        "config/pricing/anthropic.yaml",
        commit,
    )
    lines = [(line["unit"], line["rate_usd"], line["tier_from"], line["line"]) for line in told["cost"]["lines"]]
    assert lines == [
        ("input", "0.000006", 200_000, 23),
        ("output", "0.0000225", 200_000, 24),
        ("cache_read", "0.0000003", None, 18),
    ]
    assert (told["cost"]["exact_usd"], told["cost"]["cost_nanos"]) == ("1.2000738", 1_200_073_800)
    # The margin is the file's own, above the entry.
    charge = told["charge"]
    assert (charge["way"], charge["margin"], charge["file"], charge["line"]) == (
        "margin",
        "1.3",
        "config/pricing/anthropic.yaml",
        3,
    )
    assert charge["written"]["author"] == "Price Desk <prices@example.com>"
    assert (charge["exact_usd"], charge["charge_usd"]) == ("1.56009594", "1.56009594")
    assert told["met"] == {
        "included_usd": "0.5",
        "promotional_usd": "0.1",
        "purchased_usd": "0",
        "owed_usd": "0.96009594",
        "overdraft_usd": "0",
        "revenue_usd": "0.96009594",
    }
    assert told["posting"]["balance_usd"] == "-0.96009594"
    assert told["final"] == {"cost_usd": "1.2000738", "charge_usd": "1.56009594"}


def test_price_stays_with_the_commit_that_brought_it(shop: Shop) -> None:
    first = shop.git(shop.top, "rev-parse", "HEAD")
    shop.apply()
    shop.record("before")
    moved = "# prices of our first provider\n\n" + PRICING.replace(
        "      margin: 3.0\n",
        "      margin: 3.0\n    - effective: 2026-06-15\n      per_million: {input: 2, output: 9}\n",
    )
    second = shop.commit({"pricing/anthropic.yaml": moved}, "Raise haiku", "Finance <finance@example.com>")
    shop.apply()
    shop.record("old", occurred_at=datetime(2026, 6, 14, tzinfo=UTC))
    shop.record("new")
    for event, release, commit, line in (("before", 1, first, 6), ("old", 1, first, 6), ("new", 2, second, 15)):
        told = shop.explain(event)
        assert told.recorded.price_release is not None
        assert isinstance(told.origin, Origin)
        assert told.origin.written is not None
        found = (told.recorded.price_release.id, told.origin.release.commit, told.origin.line)
        assert (*found, told.origin.written.commit) == (release, commit, line, commit)
        assert told.adds_up
    assert shop.explain("old").recorded.release.id == 2


def test_how_a_list_price_and_credits_are_charged(shop: Shop) -> None:
    pricing = """\
provider: openai
prices:
  gpt-4o:
    - effective: 2026-01-01
      per_million: {input: 2.50, output: 10.00}
      charge:
        per_million:
          input: 4.00
          output: 12.00
        above_input:
          - from: 1000
            per_million: {output: 13.00}
"""
    burned = PRICING.replace("      margin: 3.0\n", "      credits:\n        multiplier: 1.5\n")
    settings = SMALL_CONFIG["settings.yaml"] + "credit_burn:\n  tokens_per_credit: 7\n"
    reasoning = "levels:\n  advanced: 1.5\n"
    files = {"pricing/openai.yaml": pricing, "pricing/anthropic.yaml": burned, "settings.yaml": settings}
    commit = shop.commit({**files, "reasoning.yaml": reasoning}, "Charge otherwise", "Finance <finance@example.com>")
    shop.apply()
    shop.record("list", model="openai/gpt-4o", units={"input": 1_001, "output": 7})
    lines = shop.lines("list")
    at = lines.index("         together $0.0025725")
    assert lines[at + 2 : at + 5] == [
        f"charge   input   1,001 x $4 per 1M               = $0.004004  line 8 {commit[:12]} Finance",
        f"         output      7 x $13 per 1M above 1,000  = $0.000091  line 12 {commit[:12]} Finance",
        "         together $0.004095",
    ]
    shop.record("burn", units={"input": 100, "output": 10}, reasoning_level="advanced")
    told = shop.explain("burn")
    assert told.adds_up
    assert [origin.key for origin in told.others if isinstance(origin, Origin)] == [
        "reasoning advanced",
        "setting credit_burn",
        "setting credits_per_dollar",
    ]
    lines = list(explain_lines(told, Style()))
    assert f"                x 1.5  line 13 {commit[:12]} Finance" not in lines
    (product,) = [line for line in lines if "tokens x 1.5" in line]
    assert product.endswith(f"line 13 {commit[:12]} Finance")
    assert "         / 7 a credit / 10,000 credits a dollar" in lines
    assert "         reasoning advanced:" in lines
    assert f"         config/reasoning.yaml:2 at commit {commit[:12]}" in lines


def test_calls_that_are_not_charged(shop: Shop) -> None:
    tasks = SMALL_CONFIG["tasks.yaml"] + "  routing:\n    description: Finds the way\n    billable: false\n"
    shop.commit({"tasks.yaml": tasks}, "Do not charge for routing", "Finance <finance@example.com>")
    shop.apply()
    shop.record("free", task="routing")
    lines = shop.lines("free")
    assert "charge   $0: calls of task routing are not charged" in lines
    assert "         task routing:" in lines
    assert lines[3] == "charged  $0, at a cost of $0.006012"
    assert not any(line.startswith("met by") for line in lines)


def test_unpriced_events_say_why(shop: Shop) -> None:
    shop.apply()
    shop.record("unknown", model="claude-next")
    shop.record("early", occurred_at=datetime(2025, 12, 31, tzinfo=UTC))
    shop.record("image", units={"image": 1})
    for event, reason in (
        ("unknown", "model anthropic/claude-next is not registered"),
        ("early", "model anthropic/claude-haiku-4-5 has no price in force at 2025-12-31T00:00:00+00:00"),
        ("image", "price anthropic/claude-haiku-4-5@2026-01-01 has no rate for 'image'"),
    ):
        lines = shop.lines(event)
        assert lines[3:] == [
            "charged  $0, at a cost of $0",
            f"unpriced {reason}",
            "         nothing was charged; re-rating bills it when a price in force at that moment is applied",
        ]
        told = as_json(shop.explain(event))
        assert (told["unpriced_because"], told["price"], told["adds_up"]) == (reason, None, True)


def test_re_rating_is_added(shop: Shop) -> None:
    shop.apply()
    shop.record("call-1", model="claude-next")
    with writing(shop.engine) as connection:
        usage, account = connection.execute(select(usage_events.c.id, usage_events.c.account_id)).one()
        price = connection.execute(
            select(CONFIG_TABLES["price"].table.c.id).where(CONFIG_TABLES["price"].table.c.model == "gpt-4o")
        ).scalar_one()
        values = {"usage_id": usage, "account_id": account, "day": date(2026, 6, 15), "release_id": 1}
        values |= {"price_id": price, "cost_nanos": 1_000, "charge_nanos": 1_500, "revenue_nanos": 1_500}
        connection.execute(insert(usage_adjustments).values({**values, "idempotency_key": "a", "recorded_at": NOW}))
        less = {"cost_nanos": 0, "charge_nanos": -500, "revenue_nanos": -500, "price_id": None}
        connection.execute(
            insert(usage_adjustments).values({**values, **less, "idempotency_key": "b", "recorded_at": NOW})
        )
    lines = shop.lines("call-1")
    assert lines[3] == "charged  $0.000001, at a cost of $0.000001"
    by = "under release 1 by openai/gpt-4o@2026-01-01"
    assert lines[-2:] == [
        f"re-rated 2026-06-15 12:00:00Z {by}: charge +$0.0000015, cost +$0.000001",
        "         2026-06-15 12:00:00Z under release 1: charge -$0.0000005, cost +$0",
    ]
    told = as_json(shop.explain("call-1"))
    assert [change["charge_usd"] for change in told["adjustments"]] == ["0.0000015", "-0.0000005"]
    assert told["final"] == {"cost_usd": "0.000001", "charge_usd": "0.000001"}


def test_a_refund_is_told_as_such(shop: Shop) -> None:
    shop.apply()
    shop.record("call-1")
    with Meter.open(shop.url, now=lambda: NOW) as meter:
        meter.wallets.refund_usage("acme", "call-1", key="complaint-1", usd=Decimal("0.01"))
    told = shop.explain("call-1")
    (line,) = [line for line in explain_lines(told, Style()) if line.startswith("refunded ")]
    assert "charge -$0.01, cost +$0" in line
    (change,) = as_json(told)["adjustments"]
    assert (change["reason"], change["charge_usd"], told.final_nanos[1]) == ("refund", "-0.01", 8_036_000)


def test_one_of_several_accounts_must_be_named(shop: Shop) -> None:
    shop.apply()
    for account in ("acme", "beta", "nova", "zeta"):
        shop.record("call-1", account=account)
    with pytest.raises(RefusedError) as caught:
        shop.explain("call-1")
    assert str(caught.value) == (
        "several accounts have an event 'call-1' (acme, beta, nova, …): name one with --account [AMBIGUOUS_EVENT]"
    )
    assert shop.explain("call-1", "nova").recorded.account == "nova"
    with pytest.raises(RefusedError, match=r"there is no event 'call-1' of account 'none'"):
        shop.explain("call-1", "none")
    with pytest.raises(RefusedError, match=r"there is no event 'call-2' \["):
        shop.explain("call-2")


def test_what_git_does_not_know_is_said_and_the_rest_is_told(shop: Shop, tmp_path: Path) -> None:
    first = shop.git(shop.top, "rev-parse", "HEAD")
    shop.apply()
    shop.record("call-1")
    shop.commit({"pricing/anthropic.yaml": RISEN}, "Raise haiku's output", "Finance <finance@example.com>")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{shop.top}", str(shallow)], check=True)
    repository = Repository.open(shallow)
    told = shop.explain("call-1", repository=repository)
    assert told.origin == Unknown(
        f"this clone does not know commit {first[:12]}: it is shallow; run `git fetch --unshallow`"
    )
    lines = list(explain_lines(told, Style()))
    assert (
        f"         git cannot say where it was written: this clone does not know commit {first[:12]}:"
        " it is shallow; run `git fetch --unshallow`"
    ) in lines
    assert "         together $0.006012" in lines
    assert as_json(told)["price"]["origin"]["unknown"].startswith("this clone does not know")
    repository.close()


def test_a_shallow_clone_is_not_certain_of_what_lies_beyond_it(shop: Shop, tmp_path: Path) -> None:
    shop.commit({"pricing/anthropic.yaml": RISEN}, "Raise haiku's output", "Finance <finance@example.com>")
    shop.apply()
    shop.record("call-1")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{shop.top}", str(shallow)], check=True)
    repository = Repository.open(shallow)
    origin = shop.explain("call-1", repository=repository).origin
    assert isinstance(origin, Origin)
    assert origin.written is not None
    assert not origin.written.certain
    certain = shop.explain("call-1").origin
    assert isinstance(certain, Origin)
    assert certain.written is not None
    assert certain.written.certain
    repository.close()


def test_rows_edited_by_hand_are_told(shop: Shop) -> None:
    shop.apply()
    with writing(shop.engine) as connection:
        connection.execute(text("UPDATE prices SET margin_micros = 9000000 WHERE model = 'claude-haiku-4-5'"))
    shop.record("edited")
    told = shop.explain("edited")
    assert isinstance(told.origin, Origin)
    assert (told.origin.agrees, told.adds_up) == (False, True)
    assert (
        "         that commit says something else than the database: the row was edited in the database"
        in shop.lines("edited")
    )
    with writing(shop.engine) as connection:
        connection.execute(text("UPDATE prices SET margin_micros = 3000000 WHERE model = 'claude-haiku-4-5'"))
    told = shop.explain("edited")
    assert not told.adds_up
    assert "         the steps do not come to what was recorded: the rows were edited by hand" in list(
        explain_lines(told, Style())
    )


def test_unregistered_models_burn_credits_where_settings_say_so(shop: Shop) -> None:
    settings = SMALL_CONFIG["settings.yaml"] + "unknown_model:\n  credits_multiplier: 2.0\n"
    shop.commit({"settings.yaml": settings}, "Charge unknown models", "Finance <finance@example.com>")
    shop.apply()
    shop.record("call-1", model="claude-next", units={"output": 1_000})
    told = shop.explain("call-1")
    assert (told.adds_up, told.price_key, told.origin) == (True, None, None)
    assert told.recorded.event["charge_nanos"] > 0
    lines = list(explain_lines(told, Style()))
    assert "cost     unknown: the model is not registered" in lines
    assert "         setting unknown_model:" in lines


FEATURES = """\
features:
  web_search:
    amount: 0.01
    multiplier: 1.5
  image_gen:
    cost_type: per_image
    amount: 0.04
    plans:
      free: {multiplier: 1.1}
    mode: replace
  rag_search:
    billable: false
"""
RUN_UNITS = """\
decimals: 2
tiers:
  heavy: 1.5
overheads:
  default: 0.1
  sandbox_execute: 0.2
"""


def with_features(shop: Shop) -> str:
    files = {"features.yaml": FEATURES, "run_units.yaml": RUN_UNITS}
    commit = shop.commit(files, "Charge for features", "Finance <finance@example.com>")
    shop.apply()
    return commit[:12]


def test_a_feature_beside_the_models_charge(shop: Shop) -> None:
    commit = with_features(shop)
    shop.record("search", feature="web_search")
    told = shop.explain("search")
    lines = list(explain_lines(told, Style()))
    at = lines.index("         together $0.006012")
    assert told.adds_up
    assert lines[at + 2].startswith("charge   $0.006012 x margin 3 = $0.018036  line 12 ")
    assert lines[at + 4] == f"feature  web_search: 1 use x $0.01 x 1.5 = $0.015  line 3 {commit} Finance"
    assert lines[at + 5] == f"         config/features.yaml:2-4 at commit {commit}"
    assert lines[at + 7] == "         together $0.033036"
    charge = as_json(told)["charge"]
    assert (charge["model_exact_usd"], charge["exact_usd"], charge["charge_usd"]) == (
        "0.018036",
        "0.033036",
        "0.033036",
    )
    assert (charge["feature"]["mode"], charge["feature"]["amount"]["line"]) == ("add", 3)
    shop.record("included", feature="rag_search")
    assert any(line.startswith("feature  rag_search: $0, as it is not charged") for line in shop.lines("included"))
    shop.record("a label", feature="not on the card")
    assert as_json(shop.explain("a label"))["charge"]["feature"] is None


def test_a_feature_in_place_of_the_models_charge(shop: Shop) -> None:
    commit = with_features(shop)
    shop.record("alone", model="", provider=None, units={"image": 3}, feature="image_gen")
    shop.record("of a model", feature="image_gen", units={"input": 10})
    lines = shop.lines("alone")
    assert lines[1] == "call     no model at 2026-06-15 12:00:00Z, plan free, feature image_gen"
    assert lines[3:7] == [
        "charged  $0.132, at a cost of $0",
        "",
        "cost     nothing: no model was called",
        "",
    ]
    assert lines[7].startswith("feature  image_gen: 3 images x $0.04 x 1.1 for plan free = $0.132  line 7 ")
    told = as_json(shop.explain("alone"))
    assert (told["event"]["provider"], told["event"]["model"], told["price"]) == (None, None, None)
    assert (told["charge"]["way"], told["adds_up"]) == ("no model", True)
    assert told["charge"]["feature"]["plan"] == "free"
    lines = shop.lines("of a model")
    assert "         in place of what the model is charged" in lines
    assert f"         config/features.yaml:5-10 at commit {commit}" in lines
    assert lines[3] == "charged  $0.044, at a cost of $0.00001"


def test_run_units_are_counted_again(shop: Shop) -> None:
    commit = with_features(shop)
    tool: dict[str, Any] = {"model": "", "provider": None, "units": {}}
    shop.record("run", **tool, tool="sandbox_execute", tier="heavy", cpu_seconds="1.237", gpu_seconds=1)
    shop.record("other", **tool, tool="build", tier="none such", latency_ms=1_500)
    shop.record("named", **{**tool, "units": {"run_unit": 3}}, tool="build", latency_ms=1_500)
    lines = shop.lines("run")
    assert "charge   $0: neither a model nor a feature that is charged" in lines
    at = lines.index(
        "run      1.237 s of CPU x 1.5 (tier heavy) + 0.2 (tool sandbox_execute) = 2.0555 run units,"
        " rounded to 2 decimals: 2.06"
    )
    assert lines[at + 1 : at + 3] == [
        "         run_unit tier/heavy:",
        f"         config/run_units.yaml:3 at commit {commit}",
    ]
    assert "         run_unit tool/sandbox_execute:" in lines
    assert "run      1.5 s of latency + 0.1 (tool default) = 1.6 run units" in shop.lines("other")
    assert as_json(shop.explain("named"))["run_units"] is None
    told = as_json(shop.explain("run"))["run_units"]
    assert (told["measured_by"], told["exact"], told["counted"]) == ("cpu", "2.0555", "2.06")


def test_decimal_units_are_told_as_they_were_counted(shop: Shop) -> None:
    entry = "    - effective: 2026-01-01\n      per_unit: {run_unit: 0.002}\n      per_million: {input: 1, output: 1}\n"
    pricing = f"provider: openai\nprices:\n  gpt-4o:\n{entry}      margin: 1.5\n"
    shop.commit({"pricing/openai.yaml": pricing}, "Charge runs", "Finance <finance@example.com>")
    shop.apply()
    shop.record("call-1", model="openai/gpt-4o", units={"run_unit": Decimal("1.25")})
    (line,) = [line for line in shop.lines("call-1") if line.startswith("cost ")]
    assert line.startswith("cost     run_unit  1.25 x $0.002  = $0.0025  line 5 ")

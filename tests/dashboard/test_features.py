"""The Features page with run units, what uses are charged, and the summary cards above it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.configuration.entity_form import row_of, texts_of
from dashboard.configuration.feature_prices import charged_words, charges
from dashboard.configuration.run_unit_form import (
    calls_a_month,
    key_of,
    label_of,
    plan_limits,
    rule_fields,
    rules_of,
    seconds_micros,
    working,
)
from dashboard.configuration.summary_cards import summarize
from metering.book.ratebook import RateBook
from metering.meter import Meter
from metering.rating.run_units import RunUnits, ToolCall
from metering.usage import Usage
from schema.database import reading
from schema.documents.commerce import Feature
from schema.keys import Key
from schema.money import NANO
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

MODEL = "openai/gpt-4o"
FEATURES = """\
features:
  image_gen:
    cost_type: per_image
    amount: 0.04
    plans:
      pro: {multiplier: 1.3}
    mode: replace
  deep:
    cost_type: per_token
    amount: 0.0000005
  search:
    billable: false
"""
RUN_UNITS = """\
minimum: 0.01
decimals: 4
tiers:
  heavy: 1.5
overheads:
  default: 0.1
  sandbox_execute: 0.2
"""
RULES = RunUnits.from_rows(
    row_of(key_of(name), Decimal(value))
    for name, value in (("tier/heavy", "1.5"), ("tool/default", "0.1"), ("tool/sandbox_execute", "0.2"))
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository with features and run units that no test changes."""
    return seed(tmp_path_factory.mktemp("shop"), {"features.yaml": FEATURES, "run_units.yaml": RUN_UNITS})


def test_a_use_is_charged_by_plan() -> None:
    image = Feature.model_validate(
        {"cost_type": "per_image", "amount": "0.04", "plans": {"pro": {"multiplier": "1.3"}}}
    )
    row = row_of(Key("feature", "image_gen"), image)

    assert charges(row, ["", "free", "pro"], 3) == {"": 120_000_000, "free": 120_000_000, "pro": 156_000_000}
    assert charges(None, ["pro"], 1) == {"pro": None}
    assert charged_words(row) == "besides the model"
    assert charged_words(row | {"mode": "replace"}) == "instead of the model"
    assert charged_words(row | {"billable": False}) == "free"


def test_a_call_is_counted_as_the_meter_counts_it() -> None:
    call = ToolCall("sandbox_execute", "heavy", 2_500_000, None)

    assert working(RULES, call) == "max(2.5, 0) s \u00d7 1.5 + 0.2 = 3.95"
    assert working(RULES, ToolCall("other", None, None, None, 400)) == "0.4 s of latency \u00d7 1 + 0.1 = 0.5"
    assert calls_a_month(100, RULES.count(call)) == "25"
    assert calls_a_month(None, 1) == "unlimited"
    assert [seconds_micros(text) for text in ("", " 2.5 ")] == [None, 2_500_000]
    for text in ("two", "-1", "0.0000001", "NaN"):
        with pytest.raises(ValueError, match=r"\w"):
            seconds_micros(text)
    assert plan_limits([{"plan": "a", "limits": {"run_units_per_month": 5}}, {"plan": "b", "limits": {}}]) == {"a": 5}


def test_the_form_of_the_rules() -> None:
    fields = rule_fields(["tool/default", "tier/heavy"])
    texts = texts_of(fields, {key_of("tier/heavy"): Decimal("1.5")})

    assert [label_of(field.key.name) for field in fields] == ["Minimum", "Decimals", "Tier heavy", "Tool default"]
    made = rules_of(fields, texts | {fields[3].id: "0.7"})
    assert made is not None
    assert (made.minimum, made.decimals, made.tiers, made.overheads) == (
        10_000,
        4,
        {"heavy": 1_500_000},
        {"default": 700_000},
    )
    assert rules_of(fields, texts | {fields[3].id: "much"}) is None
    assert rules_of(fields, texts | {fields[1].id: "9"}) is None


def test_the_page_shows_features_and_what_a_use_is_charged(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "features", feature="image_gen")

    assert not app.exception
    listed = {row["Feature"]: row["Charged"] for row in table(app, 0)}
    assert listed == {"deep": "besides the model", "image_gen": "instead of the model", "search": "free"}
    charged = {row["Feature"]: (row["For"], row["free"], row["pro"]) for row in table(app, 1)}
    assert charged == {"deep": ("1,000 tokens", "$0.0005", "$0.0005"), "image_gen": ("image", "$0.04", "$0.052")}

    labelled(app.text_input, "pro multiplier").set_value("2").run()

    preview = {row["Plan"]: (row["Now"], row["With the edit"]) for row in table(app, 3)}
    assert preview == {"any other": ("$0.04", "$0.04"), "free": ("$0.04", "$0.04"), "pro": ("$0.052", "$0.08")}
    assert "+      pro: {multiplier: 2}" in diff(app)


def test_run_units_are_counted_by_the_rules_and_by_the_form(tmp_path: Path, open_app: OpenApp) -> None:
    shop = seed(tmp_path, {"features.yaml": FEATURES, "run_units.yaml": RUN_UNITS})
    app = open_app(shop, "features", view="Run units")
    labelled(app.selectbox, "Tier").set_value("heavy").run()
    assert metrics(app)["Run units"] == "3.85"

    labelled(app.text_input, "Tier heavy").set_value("2").run()
    assert metrics(app)["Run units"] == "5.1"

    labelled(app.text_input, "Name").set_value("build").run()
    labelled(app.text_input, "Value").set_value("0.5").run()
    assert "+  heavy: 2" in diff(app)
    assert "+  build: 0.5" in diff(app)

    labelled(app.button, "Propose").click().run()

    assert "heavy: 2" in git(shop.repository, "diff", "main..ratecard/change-run-units")


def test_the_summary_is_that_of_the_rate_card(shop: Seeded, open_app: OpenApp) -> None:
    now = datetime.now(UTC)
    with reading(shop.engine()) as connection:
        book = RateBook.load(connection, now=now)
    names = ("anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4o", "anthropic/claude-3-opus")
    models = [
        dict(zip(("provider", "model"), name.split("/"), strict=True)) | {"active": "opus" not in name}
        for name in names
    ]
    found = summarize(models, [{"billable": True}, {"billable": False}], book, now)

    assert (found.active_models, found.billable_features, found.pairs) == (3, 1, 0)
    assert (found.cheapest, found.cheapest_nanos) == ("anthropic/claude-haiku-4-5", 10_500_000)
    shown = metrics(open_app(shop, "features"))
    assert (shown["Active models"], shown["Billable features"]) == ("3", "2")
    assert shown["Cheapest model, 1,000 + 500 tokens"] == "$0.0105"


def test_levels_of_reasoning_are_changed_added_and_taken_out(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path, {"reasoning.yaml": "levels:\n  low: 1.0\n  high: 1.5  # as measured\n"})
    with Meter.open(seeded.url) as meter:
        call = {"event_id": "thought", "account": "acct-0001", "model": MODEL, "units": {"output": 10}}
        charged = meter.record(Usage(**call, reasoning_level="low", occurred_at=datetime.now(UTC))).charge_nanos
    app = open_app(seeded, "features", view="Reasoning")
    labelled(app.selectbox, "Example call of").set_value(MODEL).run()

    assert [(row["Level"], row["Multiplier"], row["Calls"]) for row in table(app, 0)] == [
        ("low", "1\u00d7", 1),
        ("high", "1.5\u00d7", 0),
    ]
    assert table(app, 0)[0]["Charge"] == charged / NANO
    labelled(app.text_input, "high").set_value("2").run()
    labelled(app.text_input, "low").set_value("").run()
    labelled(app.text_input, "Add").set_value("deepest").run()
    labelled(app.text_input, "Value").set_value("many").run()
    assert any("1 call of the last 30 days named low" in line.value for line in app.markdown)
    assert any("must be a number" in line.value for line in app.markdown)
    labelled(app.text_input, "Value").set_value("3").run()

    # 1,000 input at 2.50 and 500 output at 10 USD a million, margin 1.5; the output twice at the level.
    preview = {row["Level"]: row for row in table(app, 2)}
    assert (preview["high"]["Charge"], preview["high"]["Charge now"]) == ("$0.01875", "$0.015")
    assert preview["deepest"]["Charge"] == "$0.02625"
    changed = diff(app)
    for line in ("-  low: 1.0", "-  high: 1.5  # as measured", "+  high: 2  # as measured", "+  deepest: 3"):
        assert line in changed
    labelled(app.button, "Propose").click().run()
    assert not app.exception
    assert "deepest: 3" in git(seeded.repository, "show", "ratecard/change-reasoning-levels:config/reasoning.yaml")


def test_what_is_wrong_with_a_value_stands_below_its_field(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "features", view="Run units")

    labelled(app.text_input, "Tier heavy").set_value("much").run()

    said = "".join(line.value.replace("\\", "") for line in app.markdown)
    assert "'Tier heavy' must be a number, not 'much'" in said

from __future__ import annotations

from datetime import UTC, datetime

from schema.tables import CONFIG_TABLES
from sync.desired import Rows
from sync.presenting import present
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import make_target, prices

WHOLE = {
    **SMALL_CONFIG,
    "pricing/openai.yaml": """\
provider: openai
defaults:
  margin: {default: 1.5, plans: {pro: 1.25}}
prices:
  gpt-4o:
    - effective: 2026-01-01T06:00:00+02:00
      per_million: {input: 2.50, output: 10}
      per_unit: {image: 0.000000000001, video_second: 0.2}
      above_input:
        - {from: 128000, per_million: {input: 5.000001}}
      source: {url: "https://example.com/prices", checked: 2026-01-05, note: seen}
    - effective: 2026-02-01
      per_million: {input: 2.50, output: 10.00}
      charge:
        per_million: {input: 4, output: 20}
        above_input:
          - {from: 128000, per_million: {output: 30}}
    - effective: 2026-03-01
      per_million: {input: 2.50, output: 10.00}
      credits: {multiplier: 1.5}
""",
    "features.yaml": """\
features:
  image_gen:
    cost_type: per_image
    amount: 0.04
    plans: {pro: {multiplier: 0.5}, free: {amount: 0.08}}
""",
    "run_units.yaml": "minimum: 0.01\ndecimals: 4\ntiers: {heavy: 1.5}\noverheads: {sandbox_execute: 0.2}\n",
    "reasoning.yaml": "levels: {basic: 1.1}\n",
    "exchange_rates.yaml": "rates:\n  USD/ZAR:\n    - {effective: 2026-01-01, rate: 18.50}\n",
    "access.yaml": "admins: [owner@example.com]\nviewers: [board@example.com]\n",
    "ratecard.yaml": "local_merges: true\nguardrails: {lowest_margin: 1.10}\n",
    "settings.yaml": "default_plan: free\ncredit_burn: {tokens_per_credit: 5000}\nextra: {share: 0.10, on: true}\n",
}
"""The small config with every kind and every way to charge."""


def rows() -> Rows:
    return make_target(WHOLE).rows


def test_every_kind_has_rows_with_exactly_the_columns_of_its_table() -> None:
    for kind, config in CONFIG_TABLES.items():
        assert rows()[kind], kind
        for row in rows()[kind].values():
            assert list(row) == [*config.key, *config.values], kind


def test_price_rows_are_exact_whole_numbers() -> None:
    price = rows()["price"]["openai/gpt-4o@2026-01-01T04:00:00Z"]
    assert price == {
        "provider": "openai",
        "model": "gpt-4o",
        "effective": datetime(2026, 1, 1, 4, tzinfo=UTC),
        "rates": {"input": 2_500_000, "output": 10_000_000, "image": 1, "video_second": 200_000_000_000},
        "tiers": [{"from": 128_000, "rates": {"input": 5_000_001}}],
        "margin_micros": 1_500_000,
        "plan_margins": {"pro": 1_250_000},
        "charge_rates": None,
        "charge_tiers": None,
        "credits_micros": None,
        "source_url": "https://example.com/prices",
        "source_checked": "2026-01-05",
        "note": "seen",
    }
    charge = rows()["price"]["openai/gpt-4o@2026-02-01"]
    assert charge["charge_rates"] == {"input": 4_000_000, "output": 20_000_000}
    assert charge["charge_tiers"] == [{"from": 128_000, "rates": {"output": 30_000_000}}]
    assert (charge["margin_micros"], charge["plan_margins"]) == (None, {})
    assert rows()["price"]["openai/gpt-4o@2026-03-01"]["credits_micros"] == 1_500_000


def test_routes_name_their_models_in_full() -> None:
    assert rows()["route"]["anthropic/chat_response"] == {
        "provider": "anthropic",
        "task": "chat_response",
        "targets": [
            {"model": "anthropic/claude-sonnet-4-5", "weight": 90},
            {"model": "anthropic/claude-haiku-4-5", "weight": 10},
        ],
        "fallbacks": ["openai/gpt-4o"],
    }
    assert rows()["route"]["openai/_default"]["targets"] == [{"model": "openai/gpt-4o", "weight": 100}]


def test_plans_packs_and_features() -> None:
    pro = rows()["plan"]["pro"]
    assert (pro["monthly_nanos"], pro["annual_nanos"], pro["included_nanos"]) == (20 * 10**9, 200 * 10**9, 10**10)
    assert pro["limits"] == {"tokens_per_month": None, "documents": 100}
    assert rows()["pack"]["Growth"]["price_nanos"] == 15 * 10**9
    feature = rows()["feature"]["image_gen"]
    assert feature["amount_pico"] == 40_000_000_000
    assert feature["plan_overrides"] == {
        "pro": {"amount_pico": None, "multiplier_micros": 500_000},
        "free": {"amount_pico": 80_000_000_000, "multiplier_micros": None},
    }


def test_custom_price_has_no_fee() -> None:
    plans = "plans:\n  free: {name: Free, price: {monthly: 0}}\n  big: {name: Big, price: custom}\n"
    row = make_target({**SMALL_CONFIG, "plans.yaml": plans}).rows["plan"]["big"]
    assert (row["monthly_nanos"], row["annual_nanos"]) == (None, None)
    assert (present("plan", row) or {})["price"] == "custom"


def test_scalars_and_free_values() -> None:
    found = rows()
    assert {name: row["value_micros"] for name, row in found["run_unit"].items()} == {
        "minimum": 10_000,
        "decimals": 4_000_000,
        "tier/heavy": 1_500_000,
        "tool/sandbox_execute": 200_000,
    }
    assert found["setting"]["extra.share"]["value"] == "0.1"
    assert found["setting"]["extra.on"]["value"] is True
    assert found["setting"]["credit_burn"]["value"] == {
        "weights": {"input": "0.35", "cache_read": "0.1", "output": "1"},
        "tokens_per_credit": 5000,
    }
    assert found["policy"]["guardrails"]["value"]["lowest_margin"] == "1.1"
    assert found["access"]["board@example.com"]["role"] == "viewer"
    assert found["rate"]["USD/ZAR@2026-01-01"]["rate_micros"] == 18_500_000


def test_rows_read_like_the_yaml() -> None:
    found = rows()
    assert present("price", found["price"]["openai/gpt-4o@2026-01-01T04:00:00Z"]) == {
        "effective": "2026-01-01T04:00:00Z",
        "per_million": {"input": "2.5", "output": "10"},
        "per_unit": {"image": "0.000000000001", "video_second": "0.2"},
        "above_input": [{"from": 128_000, "per_million": {"input": "5.000001"}}],
        "margin": {"default": "1.5", "plans": {"pro": "1.25"}},
        "source": {"url": "https://example.com/prices", "checked": "2026-01-05"},
        "note": "seen",
    }
    assert (present("price", found["price"]["openai/gpt-4o@2026-02-01"]) or {})["charge"] == {
        "per_million": {"input": "4", "output": "20"},
        "above_input": [{"from": 128_000, "per_million": {"output": "30"}}],
    }
    assert present("feature", found["feature"]["image_gen"]) == {
        "cost_type": "per_image",
        "amount": "0.04",
        "multiplier": "1",
        "plans": {"pro": {"multiplier": "0.5"}, "free": {"amount": "0.08"}},
        "billable": True,
        "mode": "add",
    }
    assert present("route", found["route"]["openai/_default"]) == {"model": "openai/gpt-4o"}
    assert present("rate", found["rate"]["USD/ZAR@2026-01-01"]) == {"effective": "2026-01-01", "rate": "18.5"}
    assert present("model", None) is None


def test_own_margin_beats_the_default() -> None:
    text = prices("{effective: 2026-01-01, per_million: {input: 1, output: 2}, margin: 3}")
    text = text.replace("prices:", "defaults: {margin: {default: 2, plans: {pro: 1.5}}}\nprices:")
    row = make_target({**SMALL_CONFIG, "pricing/openai.yaml": text}).rows["price"]["openai/gpt-4o@2026-01-01"]
    assert (row["margin_micros"], row["plan_margins"]) == (3_000_000, {})

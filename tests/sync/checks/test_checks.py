from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.sync.checks.trees import NOW, UNLISTED, check, codes, prices


def test_small_config_is_fine_and_counted() -> None:
    validation = check()
    assert codes(validation) == []
    assert validation.counts["model"] == 4
    assert validation.counts["price"] == 4
    assert validation.counts["policy"] == 0


def test_price_is_in_force_from_its_first_moment() -> None:
    text = prices("{effective: 2026-06-01, per_million: {input: 1, output: 2}, margin: 2}")
    assert codes(check(now=NOW, pricing__openai=text)) == []
    just_before = datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    assert codes(check(now=just_before, pricing__openai=text)) == ["LAST_PRICING"]


def test_inactive_model_needs_no_price_and_blocks_no_alias_of_its_own() -> None:
    registry = """\
provider: openai
models:
  gpt-4o: {display_name: GPT-4o, type: llm}
  gpt-3: {display_name: GPT-3, type: llm, active: false, aliases: [davinci]}
"""
    assert codes(check(registry__openai=registry)) == []


def test_broken_model_does_not_echo_through_prices_and_routes() -> None:
    registry = "provider: openai\nmodels:\n  gpt-4o: {display_name: GPT-4o, type: lmm}\n"
    assert codes(check(registry__openai=registry)) == ["BAD_VALUE"]


def test_broken_file_does_not_echo_either() -> None:
    assert codes(check(registry__openai="provider: openai\nmodels: [\n")) == ["YAML_SYNTAX"]
    assert codes(check(plans="plans: [")) == ["YAML_SYNTAX"]
    assert codes(check(pricing__openai="provider: openai\nprices: {gpt-4o: 3}\n")) == ["WRONG_TYPE"]


def test_everything_is_found_in_one_pass() -> None:
    validation = check(
        registry__openai="provider: openai\nmodels:\n  gpt-4o: {display_name: GPT-4o, type: llm, aces: basic}\n",
        routing__openai="provider: openai\nroutes:\n  extraction: gpt-5\n",
        settings="default_plan: fre\nsite_nam: X\n",
    )
    assert codes(validation) == ["UNKNOWN_KEY", "NO_DEFAULT_ROUTE", "MODEL_NOT_FOUND", "UNKNOWN_PLAN", "UNKNOWN_KEY"]


def test_model_names_may_hold_slashes_and_routes_may_cross_providers() -> None:
    validation = check(
        registry__openrouter="provider: openrouter\nmodels:\n  meta-llama/llama-3: {display_name: L, type: llm}\n",
        pricing__openrouter="""\
provider: openrouter
prices:
  meta-llama/llama-3:
    - {effective: 2026-01-01, per_million: {input: 1, output: 2}, margin: 2}
""",
        routing__openrouter="provider: openrouter\nroutes: {_default: meta-llama/llama-3, extraction: openai/gpt-4o}\n",
        routing__openai="provider: openai\nroutes: {_default: openrouter/meta-llama/llama-3}\n",
    )
    assert codes(validation) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1", "0.5", []),
        ("1", "0.499999", ["CHEAPER_THAN_HALF"]),
        ("1", "0", ["CHEAPER_THAN_HALF"]),
        ("1", "0.100001", ["CHEAPER_THAN_HALF"]),
        ("1", "0.1", ["TENFOLD_CHANGE"]),
        ("1", "0.001", ["THOUSANDFOLD"]),
        ("1", "9.999999", []),
        ("1", "10", ["TENFOLD_CHANGE"]),
        ("1", "49.999999", ["TENFOLD_CHANGE"]),
        ("1", "50", ["HUNDREDFOLD"]),
        ("1", "0.02", ["HUNDREDFOLD"]),
        ("1", "499.999999", ["HUNDREDFOLD"]),
        ("1", "500", ["THOUSANDFOLD"]),
        ("1", "1000", ["THOUSANDFOLD"]),
        ("1", "0.002", ["THOUSANDFOLD"]),
        ("0", "10", []),
    ],
)
def test_slips_against_the_predecessor_at_their_bounds(old: str, new: str, expected: list[str]) -> None:
    text = prices(
        f"{{effective: 2026-01-01, per_million: {{input: {old}, output: 2000}}, margin: 2}}",
        f"{{effective: 2026-02-01, per_million: {{input: {new}, output: 2000}}, margin: 2, {UNLISTED}}}",
    )
    assert codes(check(pricing__openai=text)) == expected


def test_predecessor_is_the_one_before_by_date_not_by_line() -> None:
    text = prices(
        "{effective: 2026-03-01, per_million: {input: 3, output: 9}, margin: 2}",
        "{effective: 2026-01-01, per_million: {input: 50, output: 99}, margin: 2}",
        "{effective: 2026-02-01, per_million: {input: 4, output: 60}, margin: 2, accept: [TENFOLD_CHANGE]}",
    )
    validation = check(pricing__openai=text)
    assert [(finding.code, finding.place.line) for finding in validation.warnings] == [("CHEAPER_THAN_HALF", 4)]


def test_accept_silences_only_its_code_and_entry() -> None:
    below = "{effective: 2026-01-01, per_million: {input: 5, output: 2}, margin: 0.5, accept: [%s]}"
    assert codes(check(pricing__openai=prices(below % "MARGIN_BELOW_ONE"))) == ["OUTPUT_CHEAPER_THAN_INPUT"]
    both = below % "MARGIN_BELOW_ONE, OUTPUT_CHEAPER_THAN_INPUT"
    assert codes(check(pricing__openai=prices(both))) == []
    later = "{effective: 2026-02-01, per_million: {input: 5, output: 6}, margin: 0.6}"
    validation = check(pricing__openai=prices(both, later))
    assert [(finding.code, finding.place.line) for finding in validation.warnings] == [("MARGIN_BELOW_ONE", 5)]


def test_policy_raises_a_warning_to_an_error_that_accept_still_silences() -> None:
    policy = "severity: {MARGIN_BELOW_ONE: error}\n"
    below = "{effective: 2026-01-01, per_million: {input: 5, output: 6}, margin: 0.5%s}"
    validation = check(ratecard=policy, pricing__openai=prices(below % ""))
    assert [finding.code for finding in validation.errors] == ["MARGIN_BELOW_ONE"]
    assert check(ratecard=policy, pricing__openai=prices(below % ", accept: [MARGIN_BELOW_ONE]")).ok


def test_default_margin_below_one_is_told_at_each_entry_that_takes_it() -> None:
    text = prices("{effective: 2026-01-01, per_million: {input: 1, output: 2}}")
    text = text.replace("prices:", "defaults: {margin: 0.9}\nprices:")
    warning = check(pricing__openai=text).warnings[0]
    assert str(warning) == "config/pricing/openai.yaml:5:7: a margin of 0.9 sells below cost [MARGIN_BELOW_ONE]"


def test_per_unit_and_per_million_are_compared_as_the_same() -> None:
    text = prices(
        "{effective: 2026-01-01, per_million: {input: 2.5, output: 10}, margin: 2}",
        "{effective: 2026-02-01, per_million: {input: 2.5}, per_unit: {output: 0.01}, margin: 2}",
    )
    warning = check(pricing__openai=text).warnings[0]
    assert warning.code == "THOUSANDFOLD"
    assert "output goes from 10 per million (since 2026-01-01) to 0.01 each" in warning.message


def test_currency_needs_a_rate_in_force() -> None:
    rates = "rates:\n  USD/ZAR:\n    - {effective: 2026-01-01, rate: 18.50}\n"
    assert codes(check(settings="currency: ZAR\n", exchange_rates=rates)) == []
    assert codes(check(settings="currency: EUR\n", exchange_rates=rates)) == ["NO_EXCHANGE_RATE"]

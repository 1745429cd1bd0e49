from __future__ import annotations

from decimal import Decimal

import pytest

from sync.checks.ratios import factor, fold_of, meant
from tests.sync.checks.trees import UNLISTED, check, codes, messages, prices

BASE = "effective: 2026-01-01, per_million: {input: 2.50, output: 10}"


@pytest.mark.parametrize(
    ("one", "other", "code", "slip"),
    [
        ("1", "9.99", None, "a slip of the decimal point?"),
        ("0", "10", None, "a slip of the decimal point?"),
        ("10", "1", "TENFOLD_CHANGE", "a slip of the decimal point?"),
        ("1", "50", "HUNDREDFOLD", "cents typed as dollars, or the reverse?"),
        ("250", "2.5", "HUNDREDFOLD", "cents typed as dollars, or the reverse?"),
        ("2.5", "0.003", "THOUSANDFOLD", "a price per 1,000 typed as one per million, or the reverse?"),
        ("2.5", "0.000003", "THOUSANDFOLD", "a price per token typed as one per million, or the reverse?"),
    ],
)
def test_a_factor_tells_the_slip(one: str, other: str, code: str | None, slip: str) -> None:
    pair = Decimal(one), Decimal(other)
    assert fold_of(*pair) == fold_of(*reversed(pair)) == code
    assert meant(*pair) == slip
    assert factor(*pair) == factor(*reversed(pair))


def test_a_list_price_of_ours_is_compared_with_its_predecessor() -> None:
    text = prices(
        f"{{{BASE}, charge: {{per_million: {{input: 5, output: 20}}}}}}",
        "{effective: 2026-02-01, per_million: {input: 2.50, output: 10},"
        " charge: {per_million: {input: 5, output: 2000}}, accept: [MARGIN_ABOVE_TEN]}",
    )
    assert messages(check(pricing__openai=text)) == [
        (
            "the list price of output goes from 20 per million (since 2026-01-01) to 2000 per million: cents typed as"
            " dollars, or the reverse?"
        )
    ]


def test_a_tier_is_compared_with_the_rates_below_it() -> None:
    text = prices(
        f"{{{BASE}, margin: 2, above_input: [{{from: 128000, per_million: {{input: 5, output: 20}}}},"
        " {from: 256000, per_million: {input: 0.005}}]}"
    )
    validation = check(pricing__openai=text)
    assert [str(finding) for finding in validation.warnings] == [
        (
            "config/pricing/openai.yaml:4:185: input above an input of 256000 is 0.005 per million, below it"
            " 5 per million:"
            " a price per 1,000 typed as one per million, or the reverse? [THOUSANDFOLD]"
        )
    ]


def test_output_is_compared_with_input_in_every_tier_and_list_price() -> None:
    tier = f"{{{BASE}, margin: 2, above_input: [{{from: 128000, per_million: {{input: 12}}}}]}}"
    assert messages(check(pricing__openai=prices(tier))) == [
        "above an input of 128000, output (10) costs less than input (12): are they swapped?"
    ]
    charge = f"{{{BASE}, charge: {{per_million: {{input: 20, output: 10}}}}}}"
    assert messages(check(pricing__openai=prices(charge))) == [
        "output (10) costs less than input (20): are they swapped?"
    ]
    each = "{effective: 2026-01-01, per_unit: {input: 0.00001, output: 0.0000025}, margin: 2}"
    assert messages(check(pricing__openai=prices(each))) == [
        "output (2.5) costs less than input (10): are they swapped?"
    ]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ("input: 24.999999, output: 10", []),
        ("input: 25, output: 100", ["FAR_FROM_LIST_PRICE"]),
        ("input: 0.250001, output: 10", []),
        ("input: 0.25, output: 10", ["FAR_FROM_LIST_PRICE"]),
        ("input: 0, output: 0", []),
    ],
)
def test_the_list_price_is_compared_at_its_bounds(rates: str, expected: list[str]) -> None:
    """gpt-4o is listed at 2.50 and 10."""
    text = prices(
        f"{{effective: 2026-01-01, per_million: {{{rates}}}, margin: 2, accept: [OUTPUT_CHEAPER_THAN_INPUT]}}"
    )
    assert codes(check(pricing__openai=text)) == expected


def test_the_list_price_is_no_measure_of_the_past_or_of_a_name_it_does_not_know() -> None:
    past = "{effective: 2025-01-01, per_million: {input: 30, output: 120}, margin: 2}"
    now = "{effective: 2026-01-01, per_million: {input: 2.50, output: 10}, margin: 2, accept: [TENFOLD_CHANGE]}"
    assert codes(check(pricing__openai=prices(past, now))) == []
    registry = """\
provider: openai
models:
  our-own: {display_name: Ours, type: llm}
  gpt-4o: {display_name: GPT-4o, type: llm}
"""
    text = f"""\
provider: openai
prices:
  our-own:
    - {{effective: 2026-01-01, per_million: {{input: 900, output: 901}}, margin: 2}}
  gpt-4o:
    - {now}
"""
    assert codes(check(registry__openai=registry, pricing__openai=text)) == []


def test_a_leap_is_told_against_the_predecessor_alone() -> None:
    text = prices(f"{{{BASE}, margin: 2}}", "{effective: 2026-02-01, per_million: {input: 25, output: 100}, margin: 2}")
    assert codes(check(pricing__openai=text)) == ["TENFOLD_CHANGE"]


def test_margins_of_plans_and_files_are_judged() -> None:
    plans = "{effective: 2026-01-01, per_million: {input: 2.50, output: 10}, margin: {default: 1.1, plans: {%s}}}"
    assert messages(check(pricing__openai=prices(plans % "free: 1, pro: 0.99"))) == [
        "a margin of 0.99 for pro sells below cost"
    ]
    assert codes(check(pricing__openai=prices(plans % "free: 10, pro: 1"))) == []
    validation = check(pricing__openai=prices(plans % "free: 10.5, pro: 0"))
    assert messages(validation) == [
        "a margin of 10.5 for free is a factor: is a percentage meant?",
        "a margin of 0 for pro sells below cost",
    ]


def test_credit_burn_is_judged_by_the_settings_in_force() -> None:
    """At 100 tokens a credit and 10,000 credits a dollar, a multiplier of 1 charges 1 USD per million output."""
    text = prices(f"{{{BASE}, credits: {{multiplier: %s}}}}")
    settings = "credit_burn:\n  weights: {input: 0.35, output: 1}\n  tokens_per_credit: 100\n"
    assert codes(check(pricing__openai=text % "10", settings=settings)) == []
    # Input is sold at 2.51 USD, output at 7.17 USD: a call with much input still earns.
    assert codes(check(pricing__openai=text % "7.17", settings=settings)) == []
    assert messages(check(pricing__openai=text % "7.14", settings=settings)) == [
        "output burns credits worth 7.14 per million and costs 10 per million"
    ]
    assert codes(check(pricing__openai=text % "100", settings=settings)) == []
    assert messages(check(pricing__openai=text % "101", settings=settings)) == [
        "output is charged 101 per million and costs 10 per million: too many zeros?"
    ]


def test_what_costs_nothing_is_never_sold_below_cost() -> None:
    free = "{effective: 2026-01-01, per_million: {input: 0, output: 0}, charge: {per_million: {input: 0, output: 1}}}"
    assert codes(check(pricing__openai=prices(free))) == []


def test_tiers_of_cost_and_list_price_meet_at_every_bound() -> None:
    """The cost rises at 128,000, the list price at 200,000: between them input is sold below cost."""
    entry = (
        "{effective: 2026-01-01, per_million: {input: 2.50, output: 10}, above_input: [{from: 128000, per_million:"
        " {input: 5}}], charge: {per_million: {input: 4, output: 16}, above_input: [{from: %s, per_million:"
        " {input: 8}}]}}"
    )
    assert codes(check(pricing__openai=prices(entry % "128000"))) == []
    assert messages(check(pricing__openai=prices(entry % "128001"))) == [
        "input is charged 4 per million and costs 5 per million above an input of 128000"
    ]


def test_exchange_rates_are_compared_at_their_bounds() -> None:
    text = "rates:\n  USD/ZAR:\n    - {effective: 2026-01-01, rate: 10}\n    - {effective: 2026-02-01, rate: %s}\n"
    assert codes(check(exchange_rates=text % "19.999999")) == []
    assert codes(check(exchange_rates=text % "20")) == ["EXCHANGE_RATE_JUMP"]
    assert codes(check(exchange_rates=text % "5.000001")) == []
    assert codes(check(exchange_rates=text % "5")) == ["EXCHANGE_RATE_JUMP"]


def test_unlisted_is_what_the_other_tests_accept() -> None:
    text = prices(f"{{effective: 2026-01-01, per_million: {{input: 250, output: 1000}}, margin: 2, {UNLISTED}}}")
    assert codes(check(pricing__openai=text)) == []

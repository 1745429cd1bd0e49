from __future__ import annotations

import pytest

from sync.checks.codes import CODES
from tests.sync.checks.trees import check, codes, messages, prices

BELOW = prices("{effective: 2026-01-01, per_million: {input: 2.50, output: 10}, margin: 0.5}")
SWAPPED = prices("{effective: 2026-01-01, per_million: {input: 10, output: 2.50}, margin: 2}")
NO_TASK = "provider: openai\nroutes: {_default: gpt-4o, extracton: gpt-4o}\n"


@pytest.mark.parametrize(("level", "errors", "warnings"), [("error", 1, 0), ("warning", 0, 1), ("off", 0, 0)])
def test_a_warning_may_be_raised_and_switched_off(level: str, errors: int, warnings: int) -> None:
    validation = check(ratecard=f"severity: {{OUTPUT_CHEAPER_THAN_INPUT: {level}}}\n", pricing__openai=SWAPPED)
    assert (len(validation.errors), len(validation.warnings)) == (errors, warnings)


def test_what_sells_below_cost_cannot_be_switched_off_for_the_whole_tree() -> None:
    validation = check(ratecard="severity: {MARGIN_BELOW_ONE: off}\n", pricing__openai=BELOW)
    assert codes(validation) == ["SEVERITY_TOO_LOW", "MARGIN_BELOW_ONE"]
    assert str(validation.errors[0]) == (
        "config/ratecard.yaml:1:30: MARGIN_BELOW_ONE is a warning at the least; `accept` it beside an entry"
        " [SEVERITY_TOO_LOW]"
    )


@pytest.mark.parametrize("level", ["warning", "off"])
def test_an_error_of_money_cannot_be_lowered(level: str) -> None:
    policy = f"severity: {{UNKNOWN_PLAN: {level}, MISSING_UNIT: error}}\n"
    validation = check(ratecard=policy, settings="default_plan: fre\n")
    assert codes(validation) == ["SEVERITY_TOO_LOW", "UNKNOWN_PLAN"]
    assert messages(validation)[0] == "UNKNOWN_PLAN is always an error"


def test_an_error_that_bills_nothing_wrong_may_be_a_warning() -> None:
    assert [finding.code for finding in check(routing__openai=NO_TASK).errors] == ["UNKNOWN_TASK"]
    validation = check(ratecard="severity: {UNKNOWN_TASK: warning}\n", routing__openai=NO_TASK)
    assert (validation.ok, codes(validation)) == (True, ["UNKNOWN_TASK"])
    validation = check(ratecard="severity: {UNKNOWN_TASK: off}\n", routing__openai=NO_TASK)
    assert codes(validation) == ["SEVERITY_TOO_LOW", "UNKNOWN_TASK"]
    assert messages(validation)[0] == "UNKNOWN_TASK is a warning at the least"


def test_a_level_that_does_not_exist_is_told() -> None:
    validation = check(ratecard="severity: {UNKNOWN_TASK: info}\n")
    assert messages(validation) == ["'UNKNOWN_TASK' is 'info'; it must be one of error, warning, off"]


def test_approvals_name_codes_of_plans() -> None:
    line = "  - {code: %s, by: Finance Lead, until: 2026-12-31, reason: Agreed}\n"
    assert codes(check(ratecard="approvals:\n" + line % "BILL_RISE")) == []
    validation = check(ratecard="approvals:\n" + line % "TENFOLD_CHANGE")
    assert messages(validation) == ["'TENFOLD_CHANGE' is no code of a plan"]


def test_no_minimum_is_above_what_a_code_is_by_itself() -> None:
    order = ("off", "warning", "error")
    assert all(order.index(told.minimum) <= order.index(told.severity) for told in CODES.values())
    # Whatever leaves a part of a document out is an error for good: an apply would remove it.
    lowered = {code for code, told in CODES.items() if told.severity == "error" != told.minimum}
    assert lowered == {"MISSING_FILE", "UNKNOWN_TASK"}


@pytest.mark.parametrize(
    ("file", "code", "text"),
    [
        (
            "plans",
            "ANNUAL_FEE",
            "plans:\n  free: {name: F, price: {monthly: 0}}\n  pro: {name: P, price: {monthly: 1, annual: 13}%s}\n",
        ),
        ("credit_packs", "PACK_FAR_FROM_FACE", "packs:\n  Gift: {price: 0, credits: 100%s}\n"),
        (
            "routing__openai",
            "TARGET_TWICE",
            "provider: openai\nroutes:\n  _default: {model: gpt-4o, fallbacks: [gpt-4o]%s}\n",
        ),
        (
            "exchange_rates",
            "EXCHANGE_RATE_JUMP",
            "rates:\n  USD/ZAR: [{effective: 2026-01-01, rate: 9}, {effective: 2026-02-01, rate: 18%s}]\n",
        ),
    ],
)
def test_every_kind_that_is_warned_about_can_accept(file: str, code: str, text: str) -> None:
    assert codes(check(**{file: text % ""})) == [code]
    assert codes(check(**{file: text % f", accept: [{code}]"})) == []
    assert codes(check(**{file: text % ", accept: [NO_SUCH]"})) == ["UNKNOWN_CODE", code]

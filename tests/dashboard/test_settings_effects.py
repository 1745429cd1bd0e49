"""What other values of settings mean: sentences with the numbers of the business."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.configuration.entity_form import fault_of, texts_of
from dashboard.configuration.settings_effects import Facts, effects
from dashboard.configuration.settings_form import GROUPS, group_fields
from dashboard.formats import money
from metering.analytics.account_counts import AccountCounts
from metering.analytics.credit import outstanding
from schema.database import reading
from schema.documents.settings import LiteLLMSettings
from schema.keys import Key
from schema.money import NANO
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import labelled
from tests.dashboard.seeding import Seeded

FACTS = Facts(
    accounts=AccountCounts(began=4, without_subscription=34, without_credit={"free": 3}),
    refused=3,
    unregistered={"openai/gpt-9": 7, "x/y": 1},
    charge_nanos=100 * NANO,
    outstanding_nanos=20 * NANO,
    by_credits=2,
    models={"basic": 82, "standard": 45, "all": 19},
    plans={"free": "basic", "pro": "standard", "max": "all"},
    convert=lambda nanos, currency: f"{nanos * 18 // NANO:,} {currency}" if currency == "ZAR" else None,
    variable_is_set=lambda name: name == "STRIPE_KEY",
)


def _said(group: str, texts: dict[str, str], documents: dict[str, Any] | None = None) -> list[str]:
    fields = group_fields(group, documents or {})
    before = texts_of(fields, {Key("setting", name): value for name, value in (documents or {}).items()})
    changed = {f"setting {name if '#' in name else name + '#value'}": text for name, text in texts.items()}
    assert changed.keys() <= before.keys()
    return effects(fields, before, before | changed, documents or {}, FACTS)


def test_every_setting_says_something_and_nothing_without_a_change() -> None:
    for group in GROUPS:
        fields = group_fields(group, {"extra.phone": "42"})
        before = texts_of(fields, {Key("setting", "extra.phone"): "42"})
        assert effects(fields, before, before, {}, FACTS) == []
        for field in fields:
            fit = next(text for text in ("7", "KEY", *field.choices, "ZAR") if not fault_of(field, text))
            told = effects(fields, before, before | {field.id: fit}, {}, FACTS)
            assert told != []
            assert all(line.endswith(".") for line in told)
    general = group_fields("General", {})
    unfit = texts_of(general, {})
    assert effects(general, unfit, unfit | {"setting enforcement#value": "sometimes"}, {}, FACTS) == []


@pytest.mark.parametrize(
    ("group", "texts", "said"),
    [
        ("General", {"default_plan": "pro"}, "last 30 days: 4. 34 accounts without a subscription now: each stays"),
        ("General", {"unknown_account": "create"}, "creates it on free, with 0 credits."),
        ("General", {"unknown_model#credits_multiplier": "1.5"}, "8 such calls of 2 models."),
        ("General", {"enforcement": "observe"}, "3 accounts without credit would be served"),
        (
            "General",
            {"access_classes": "standard, basic, all"},
            "free opens 127 instead of 82 models; pro opens 45 instead of 127 models.",
        ),
        ("General", {"access_classes": "basic, standard"}, "19 active models of all would only be open to plans"),
        ("Payment", {"currency": "ZAR"}, "$100.00 charged in the last 30 days is 1,800 ZAR today."),
        ("Payment", {"currency": "EUR"}, "No exchange rate leads from USD to EUR"),
        ("Payment", {"stripe#secret_env": "STRIPE_KEY"}, "STRIPE_KEY is set in this server's environment"),
        ("LiteLLM", {"litellm#master_key_env": "OTHER_KEY"}, "OTHER_KEY is not set"),
        ("Credits", {"signup_grant_credits": "50000"}, "would have received $20.00 instead of $0.00."),
        ("Credits", {"credits_per_dollar": "100"}, "$20.00 outstanding is shown as 2,000 instead of 200,000 credits."),
        ("Credits", {"credit_burn#tokens_per_credit": "5"}, "the 2 models charged by credits"),
        ("Credits", {"rounding_mode": "down"}, "the ledger is in USD and stays"),
    ],
)
def test_a_setting_tells_its_numbers(group: str, texts: dict[str, str], said: str) -> None:
    assert said in " ".join(_said(group, texts))


def test_values_of_other_groups_and_of_nothing_are_known() -> None:
    documents = {"signup_grant_credits": 1_000, "default_plan": "pro", "unknown_account": "refuse"}
    assert _said("General", {"unknown_account": "create"}, documents) == [
        "The first call of an unknown account creates it on pro, with 1000 credits."
    ]
    proxy = LiteLLMSettings(url="https://llm.example.com", master_key_env="KEY")
    emptied = {f"litellm#{name}": "" for name in LiteLLMSettings.model_fields}
    told = _said("LiteLLM", dict.fromkeys(emptied, ""), {"litellm": proxy})
    assert any("connection goes" in line for line in told)
    assert effects((), {}, {}, {}, replace(FACTS, by_credits=0)) == []


def test_the_page_tells_the_numbers_of_the_database(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "settings")
    labelled(app.text_input, "Unknown model credits multiplier").set_value("2").run()

    said = "".join(line.value.replace("\\", "") for line in app.markdown)
    assert "1 such call of 1 model." in said
    labelled(app.selectbox, "Enforcement").set_value("observe").run()
    assert "without credit would be served" in "".join(line.value.replace("\\", "") for line in app.markdown)

    app = open_app(seeded, "settings", group="Credits")
    labelled(app.text_input, "Credits per dollar").set_value("100").run()
    with reading(seeded.engine()) as connection:
        face = outstanding(connection, datetime.now(UTC)).face_nanos
    said = "".join(line.value.replace("\\", "") for line in app.markdown)
    assert f"{money(face)} outstanding is shown as {face // 10_000_000:,} instead of" in said
    assert not app.exception

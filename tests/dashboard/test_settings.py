"""The Settings page: typed fields in groups, secrets by the names of their variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.configuration.entity_form import edits_of, texts_of
from dashboard.configuration.settings_form import (
    EXTRA,
    GROUPS,
    credit_display,
    group_fields,
    names_a_secret,
    with_all_weights,
)
from dashboard.formats import literal
from schema.documents.settings import SettingsDocument
from schema.keys import Key
from sync.edit import SetField
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

SETTINGS = """\
site_name: "**bold** <b>shop</b>"
default_plan: free
unknown_account: create
credits_per_dollar: 10000
stripe:
  secret_env: SHOP_STRIPE_KEY
  webhook_secret_env: SHOP_WEBHOOK_KEY
extra:
  phone: "42"
  annual: true
  limit: 7
  tags: [a, b]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository with settings of all types that no test changes."""
    return seed(tmp_path_factory.mktemp("shop"), {"settings.yaml": SETTINGS})


def test_every_setting_stands_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]

    assert sorted(grouped) == sorted(SettingsDocument.model_fields.keys() - {"extra"})


def test_fields_are_typed_and_know_their_defaults() -> None:
    burn = {field.path if field.path != "value" else field.key.name: field for field in group_fields("Credits", {})}
    assert (burn["credits_per_dollar"].kind, burn["credits_per_dollar"].default) == ("whole", "10000")
    assert burn["rounding_mode"].choices == ("up", "nearest", "down")
    assert (burn["weights.input"].kind, burn["weights.input"].default) == ("number", "0.35")
    general = {field.key.name: field for field in group_fields("General", {}, {"default_plan": ["free", "pro"]})}
    assert (general["default_plan"].kind, general["default_plan"].choices) == ("choice", ("free", "pro"))
    assert general["access_classes"].default == "basic, standard, all"
    payment = group_fields("Payment", {})
    assert [field.label for field in payment if names_a_secret(field)] == [
        "Stripe secret variable",
        "Stripe webhook secret variable",
    ]


def test_the_first_weight_takes_the_defaults_of_the_others_along() -> None:
    fields = group_fields("Credits", {})
    before = texts_of(fields, {})
    key = Key("setting", "credit_burn")
    after = with_all_weights(fields, before, before | {f"{key}#weights.input": "0.5"})

    assert edits_of(fields, before, after) == [
        SetField(key, "weights.input", "0.5"),
        SetField(key, "weights.cache_read", "0.1"),
        SetField(key, "weights.output", "1"),
    ]
    assert with_all_weights(fields, before, before) == before


def test_credits_are_shown_by_the_texts() -> None:
    fields = group_fields("Credits", {})
    texts = texts_of(fields, {})

    shown = credit_display(
        fields, texts | {"setting display_precision#value": "1", "setting rounding_mode#value": "down"}
    )

    assert shown is not None
    assert shown.text(12_345_678_900) == "123,456.7 credits"
    assert credit_display(fields, texts | {"setting display_precision#value": "ten"}) is None


def test_a_secret_is_the_name_of_its_variable_and_never_its_value(
    shop: Seeded, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_STRIPE_KEY", "the-very-secret")

    app = open_app(shop, "settings", group="Payment")

    assert not app.exception
    shown = {row["Setting"]: (row["Value"], row["Secret"]) for row in table(app, 0)}
    assert shown["Stripe secret variable"] == ("SHOP_STRIPE_KEY", "set in the environment")
    assert shown["Stripe webhook secret variable"] == ("SHOP_WEBHOOK_KEY", "not set in the environment")
    assert "the-very-secret" not in str(app.main)


def test_defaults_are_told_from_what_is_set(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "settings", group="Credits")

    shown = {row["Setting"]: (row["Value"], row["Set by"]) for row in table(app, 0)}
    assert shown["Credits per dollar"][0] == "10000"
    assert shown["Credits per dollar"][1] != "default"
    assert shown["Rounding mode"] == ("up", "default")
    assert metrics(app) == {"$12.3456789 is shown as": "123\\,457 credits"}


def test_several_settings_of_a_group_are_one_commit(tmp_path: Path, open_app: OpenApp) -> None:
    shop = seed(tmp_path, {"settings.yaml": SETTINGS})
    app = open_app(shop, "settings")
    labelled(app.text_input, "Site name").set_value("Shop").run()
    labelled(app.selectbox, "Default plan").set_value("pro").run()
    labelled(app.button, "Propose").click().run()

    (branch,) = git(shop.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/ratecard").splitlines()
    written = git(shop.repository, "show", f"{branch}:config/settings.yaml")
    assert 'site_name: "Shop"' in written
    assert "default_plan: pro" in written


def test_a_connection_that_is_emptied_goes_as_a_whole(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "settings", group="Payment")
    for label in ("Stripe secret variable", "Stripe webhook secret variable"):
        labelled(app.text_input, label).set_value("").run()

    assert "-stripe:\n-  secret_env: SHOP_STRIPE_KEY\n-  webhook_secret_env: SHOP_WEBHOOK_KEY" in diff(app)


def test_free_settings_are_typed_added_and_taken_out(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "settings", group=EXTRA)

    shown = {row["Setting"]: row["Value"] for row in table(app, 0)}
    assert shown == {"annual": "true", "limit": "7", "phone": "42", "tags": '["a", "b"]'}
    labelled(app.toggle, "annual").set_value(False).run()
    labelled(app.text_input, "phone").set_value("43").run()
    labelled(app.text_input, "tags").set_value("[c]").run()
    labelled(app.text_input, "Add").set_value("support").run()
    labelled(app.text_input, "Value").set_value("yes").run()
    labelled(app.multiselect, "Take out").select("limit").run()

    changed = diff(app)
    for line in ('+  phone: "43"', "+  annual: false", "-  limit: 7", '+  support: "yes"'):
        assert line in changed
    assert "c]" in changed


def test_free_settings_stay_of_their_kind(shop: Seeded, open_app: OpenApp) -> None:
    """Whatever stands there would validate."""
    app = open_app(shop, "settings", group="Extra")
    secret = "sk_" + "live_0123456789abcdef"
    for label, text in (("limit", "many"), ("tags", "[a, 'b]"), ("phone", secret), ("Add", "share"), ("Value", "x")):
        labelled(app.text_input, label).set_value(text)
    labelled(app.selectbox, "Type").set_value("number").run()
    labelled(app.text_input, "Value").set_value("half").run()

    told = [line.value for line in app.markdown if ":red[" in line.value]
    for words in ("a whole number", "is not a value", "an environment variable", "a number, such as 1.5"):
        assert [literal(words) in line for line in told].count(True) == 1
    assert diff(app) == ""
    labelled(app.text_input, "tags").set_value("[a")
    labelled(app.text_input, "Value").set_value("0.5").run()
    assert any(literal("write [a, b] or {a: 1}") in line.value for line in app.markdown)
    assert [line for line in diff(app).splitlines() if line[:2] in ("+ ", "- ")] == ["+  share: 0.5"]


def test_a_value_that_is_a_key_is_refused(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "settings", group="Payment")

    labelled(app.text_input, "Stripe secret variable").set_value("sk_" + "live_0123456789abcdef").run()

    assert labelled(app.button, "Propose").disabled

"""The form of a plan as data: the edits it means, slugs, quick picks, and the figures beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.plans.figures import (
    PlanFigures,
    fee_words,
    in_order,
    included_share,
    limit_names,
    limit_words,
    lowered_limits,
    matrix,
    saving_nanos,
    saving_words,
    together,
)
from dashboard.plans.form import (
    FeeKind,
    PlanFields,
    annual_pick,
    fee_kind,
    limit_pick,
    plan_edits,
    plan_fields,
    plan_of,
    plan_slug,
    starting_texts,
)
from metering.book.entities import Plan
from schema.catalogue import load_catalogue
from schema.documents.plans import PlanEntry
from schema.keys import Key
from sync.edit import AddEntity, Edit, SetField
from tests.small_config import SMALL_CONFIG

CATALOGUE, _ = load_catalogue({path: text.encode() for path, text in SMALL_CONFIG.items()}, "config")
ENTRIES: dict[str, PlanEntry] = {name: entity.document for name, entity in CATALOGUE.of("plan").items()}
CLASSES = ("basic", "standard", "all")
LIMITS = ("tokens_per_month", "requests_per_day", "documents")
PRO = Key("plan", "pro")


def fields_of(key: Key = PRO) -> PlanFields:
    return plan_fields(key, CLASSES, LIMITS)


def edits(changes: dict[str, str], kind: FeeKind = "Fixed fee", entry: PlanEntry | None = ENTRIES["pro"]) -> list[Edit]:
    """What changes of texts, by path, mean."""
    fields = fields_of()
    before = starting_texts(fields, entry)
    after = before | {fields.one(path).id: text for path, text in changes.items()}
    return plan_edits(fields, before, after, was=fee_kind(entry), kind=kind, new=entry is None)


def plan(slug: str = "pro") -> Plan:
    fields = fields_of(Key("plan", slug))
    entry = ENTRIES[slug]
    found = plan_of(fields, starting_texts(fields, entry), fee_kind(entry))
    assert found is not None
    return found


def test_the_form_starts_with_what_the_plan_says() -> None:
    fields = fields_of()
    texts = starting_texts(fields, ENTRIES["pro"])

    shown = {path: texts[fields.one(path).id] for path in ("name", "active", "price.monthly", "price.annual", "access")}
    assert shown == {"name": "Pro", "active": "true", "price.monthly": "20", "price.annual": "200", "access": "all"}
    assert [texts[field.id] for field in fields.limits] == ["unlimited", "", "100"]
    assert plan().limits == {"tokens_per_month": None, "documents": 100}
    assert edits({}) == []


def test_each_field_becomes_an_edit_of_its_own() -> None:
    assert edits({"price.monthly": "25", "limits.requests_per_day": "10", "limits.tokens_per_month": ""}) == [
        SetField(PRO, "price.monthly", "25"),
        SetField(PRO, "limits.tokens_per_month", None),
        SetField(PRO, "limits.requests_per_day", "10"),
    ]
    assert edits({"price.annual": ""}) == [SetField(PRO, "price.annual", None)]
    assert edits({"price.monthly": "20.00", "limits.documents": "100"}) == []
    assert edits({"features": "api_access, priority_support", "active": "false"}) == [
        SetField(PRO, "active", "false"),
        SetField(PRO, "features", ["api_access", "priority_support"]),
    ]


def test_a_fee_by_agreement_takes_the_place_of_both_fees_and_back() -> None:
    assert edits({}, "By agreement") == [SetField(PRO, "price", "custom")]
    custom = ENTRIES["pro"].model_copy(update={"price": "custom"})
    assert edits({"price.monthly": "30", "price.annual": ""}, entry=custom) == [
        SetField(PRO, "price", {"monthly": "30"})
    ]
    assert edits({}, "By agreement", entry=custom) == []


def test_a_new_plan_says_what_differs_from_the_defaults() -> None:
    said = {"name": "Team", "price.monthly": "99", "limits.tokens_per_month": "unlimited", "access": "all"}

    assert edits(said, entry=None) == [
        AddEntity(PRO, {"name": "Team", "price.monthly": "99", "access": "all", "limits.tokens_per_month": "unlimited"})
    ]
    assert edits({"name": "Team"}, "By agreement", entry=None) == [AddEntity(PRO, {"name": "Team", "price": "custom"})]


def test_texts_that_make_no_plan_have_no_preview() -> None:
    fields = fields_of()
    texts = starting_texts(fields, ENTRIES["pro"])

    assert plan_of(fields, texts | {fields.one("price.monthly").id: "twenty"}, "Fixed fee") is None
    assert plan_of(fields, texts | {fields.one("limits.documents").id: "many"}, "Fixed fee") is None
    assert plan_of(fields, texts | {fields.one("price.monthly").id: "twenty"}, "By agreement") is not None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Pro Plus", "pro-plus"),
        ("Équipe 2", "equipe-2"),
        ("  Pro  ", "pro-2"),
        ("<script>", "script"),
        ("\u0645\u0631\u062d\u0628\u0627", ""),
        ("=cmd()", "cmd"),
    ],
)
def test_a_slug_follows_from_the_name(name: str, slug: str) -> None:
    assert plan_slug(name, {"pro", "free"}) == slug


def test_quick_picks_of_the_annual_fee() -> None:
    assert annual_pick("19.99", "Two months free") == "199.9"
    assert annual_pick("20", "20 % off") == "192"
    assert annual_pick("20", "No annual fee") == ""
    assert annual_pick("much", "Two months free") is None
    assert annual_pick("NaN", "Two months free") is None


def test_quick_picks_of_limits() -> None:
    assert [limit_pick(text, "Ten times") for text in ("5", "", "unlimited", "x", "0")] == [
        "50",
        "",
        "unlimited",
        "x",
        "0",
    ]
    assert limit_pick("5", "Half") == "2"
    assert limit_pick("1", "Half") == "1"
    assert [limit_pick(text, "All unlimited") for text in ("5", "")] == ["unlimited", ""]


def test_saving_and_included_credit_of_a_plan() -> None:
    assert (saving_nanos(plan()), saving_words(plan())) == (40 * 10**9, "16.7% ($40.00)")
    assert included_share(plan()) == "50.0%"
    assert (saving_words(plan("free")), included_share(plan("free"))) == ("—", "—")
    assert fee_words(replace(plan(), currency="EUR")) == "20.00 EUR"
    assert [fee_words(replace(plan(), monthly_nanos=nanos)) for nanos in (None, 0)] == ["By agreement", "Free"]


def test_plans_stand_side_by_side_by_their_fee() -> None:
    custom = replace(plan(), slug="custom", monthly_nanos=None, annual_nanos=None, limits={"seats": 3})
    old = replace(plan("free"), slug="old", active=False)
    plans = in_order([custom, old, plan(), plan("free")])

    rows = {row[0]: row[1:] for row in matrix(plans, {"pro": PlanFigures(paying=2, twelfths=240)}, {"pro": 3})}

    assert [one.slug for one in plans] == ["free", "pro", "custom", "old"]
    assert limit_names(plans) == ["tokens_per_month", "requests_per_day", "documents", "seats"]
    assert rows["Tokens per month"] == ["100,000", "unlimited", "—", "100,000"]
    assert rows["Subscribers"] == ["0", "2", "0", "0"]
    assert rows["Models"] == ["0", "3", "0", "0"]
    assert limit_words(custom, "seats") == "3"


def test_limits_that_allow_less_are_told() -> None:
    old = replace(plan(), limits={"tokens_per_month": None, "documents": 100, "members": 5})
    new = replace(plan(), limits={"tokens_per_month": 10, "documents": 99, "members": 6, "projects": 1})

    assert lowered_limits(old, new) == {"tokens_per_month": 10, "documents": 99, "projects": 1}
    assert lowered_limits(new, new) == {}


def test_the_figures_of_plans_sum_before_they_are_divided() -> None:
    whole = together([PlanFigures(1, 1, twelfths=7), PlanFigures(2, 0, 1, 1, 1, twelfths=7)])

    assert (whole.accounts, whole.subscribers, whole.past_due, whole.mrr_nanos) == (3, 3, 1, 1)

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from schema.errors import ConfigError
from sync.checks import validate_files
from sync.errors import UsageError
from sync.feeds.choosing import choose
from sync.feeds.drafting import draft_entries
from sync.feeds.genai_prices import URL
from sync.feeds.importing import survey
from sync.feeds.registering import proposal_command
from tests.sync.feeds.lists import dated, listed

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HAIKU = {"input_mtok": "1", "output_mtok": "5", "cache_read_mtok": "0.1", "cache_write_mtok": "1.25"}
CHEAPER = {**HAIKU, "input_mtok": "0.8", "output_mtok": "4"}
MODEL = "anthropic/claude-haiku-4-5"


class Desk:
    """A configuration that feeds are held against."""

    def __init__(self, config):
        self.files = {path: text.encode() for path, text in config.items()}

    def survey(self, feed, **options):
        self.validation = validate_files(self.files, "config", NOW)
        assert not self.validation.errors
        models = options.pop("models", ())
        choice = choose(self.validation.catalogue, feed, options.pop("providers", ()), models)
        return survey(self.validation.catalogue, feed, NOW, chosen=choice.models, **options)

    def take(self, feed, **options):
        """Import; returns the keys that were added, and those that were left with their codes."""
        found = self.survey(feed, **options)
        draft = draft_entries(self.files, self.validation, found.edits, folder="config", now=NOW)
        self.files = {**self.files, **draft.files}
        return [step.key.name for step in found.steps if step.edit], [
            (step.key.name, step.left) for step in found.steps if step.left
        ]

    def entries(self, model):
        """The text of a model's prices."""
        provider, _, name = model.partition("/")
        text = self.files[f"pricing/{provider}.yaml"].decode()
        return text.split(f"\n  {name}:\n")[1].split("\n  claude-")[0].rstrip("\n") + "\n"


@pytest.fixture
def desk(small_config):
    return Desk(small_config)


def test_a_list_that_agrees_changes_nothing(desk):
    before = dict(desk.files)
    assert desk.take(listed({MODEL: HAIKU})) == ([], [])
    assert desk.files == before


def test_a_new_entry_beside_the_old_one_with_its_margin(desk):
    assert desk.take(listed({MODEL: CHEAPER})) == ([f"{MODEL}@2026-11-21"], [])
    assert (
        desk.entries(MODEL)
        == """\
    - effective: 2026-01-01
      per_million:
        input: 1.00
        output: 5.00
        cache_read: 0.10
        cache_write: 1.25
      margin: 3.0
    - effective: 2026-11-21
      per_million:
        input: 0.80
        output: 4.00
        cache_read: 0.10
        cache_write: 1.25
      margin: 3.0
      source: {url: https://github.com/pydantic/genai-prices, checked: 2026-11-21}
"""
    )


def test_only_lines_are_added(desk, small_config):
    desk.take(listed({MODEL: CHEAPER, "openai/gpt-4o": {"input_mtok": "2", "output_mtok": "8"}}))
    for path, text in small_config.items():
        remaining = iter(desk.files[path].decode().splitlines())
        assert all(line in remaining for line in text.splitlines()), path


def test_a_second_run_adds_nothing(desk):
    feed = listed(
        {MODEL: CHEAPER, "openai/gpt-4o": dated((None, {"input_mtok": "2"}), ("2027-03-01", {"input_mtok": "1.5"}))}
    )
    added, _ = desk.take(feed)
    assert sorted(added) == [f"{MODEL}@2026-11-21", "openai/gpt-4o@2026-11-21", "openai/gpt-4o@2027-03-01"]
    assert desk.take(feed) == ([], [])


def test_the_list_says_when_when_that_is_later_than_our_entry(desk):
    assert desk.take(listed({MODEL: dated((None, HAIKU), ("2026-08-21", CHEAPER))}))[0] == [f"{MODEL}@2026-08-21"]


def test_an_older_date_of_the_list_means_today(desk):
    assert desk.take(listed({MODEL: dated((None, HAIKU), ("2025-08-21", CHEAPER))}))[0] == [f"{MODEL}@2026-11-21"]


def test_the_person_says_when(desk):
    effective = datetime(2026, 12, 24, tzinfo=UTC)
    feed = listed({MODEL: CHEAPER})
    assert desk.take(feed, effective=effective)[0] == [f"{MODEL}@2026-12-24"]
    assert desk.take(feed, effective=effective) == ([], [])


def test_a_date_before_our_entry_is_refused(desk):
    effective = datetime(2025, 12, 24, tzinfo=UTC)
    assert desk.take(listed({MODEL: CHEAPER}), effective=effective) == ([], [(f"{MODEL}@2025-12-24", "LATER_ENTRY")])


def test_an_entry_of_the_same_date_is_never_overwritten(desk):
    desk.take(listed({MODEL: CHEAPER}))
    before = dict(desk.files)
    other = listed({MODEL: {**CHEAPER, "input_mtok": "0.7"}})
    assert desk.take(other) == ([], [(f"{MODEL}@2026-11-21", "EXISTS")])
    assert desk.files == before


def test_announced_prices_are_scheduled(desk):
    later = {**HAIKU, "output_mtok": "7"}
    feed = listed({MODEL: dated((None, HAIKU), ("2027-01-01", later))})
    assert desk.take(feed)[0] == [f"{MODEL}@2027-01-01"]
    assert "output: 7.00" in desk.entries(MODEL)


def test_a_cancelled_rise_is_told_and_left_to_a_person(desk):
    desk.take(listed({MODEL: dated((None, HAIKU), ("2027-01-01", {**HAIKU, "output_mtok": "7"}))}))
    found = desk.survey(listed({MODEL: HAIKU}))
    (step,) = found.steps
    assert (step.departure.kind, step.left, str(step.key)) == ("withdrawn", "SCHEDULED", f"price {MODEL}@2027-01-01")
    (difference,) = step.departure.differences
    assert (difference.ours, difference.listed) == (Decimal("7.00"), Decimal(5))


def test_a_schedule_of_our_own_is_not_called_withdrawn(desk):
    desk.files["pricing/openai.yaml"] += (
        b"    - effective: 2027-01-01\n      per_million: {input: 3, output: 10}\n      margin: 1.5\n"
    )
    feed = listed({"openai/gpt-4o": {"input_mtok": "2.5", "output_mtok": "10"}})
    (step,) = desk.survey(feed).steps
    assert (step.departure.kind, step.left) == ("scheduled", "SCHEDULED")


def test_a_schedule_that_only_changes_the_margin_agrees(desk):
    desk.files["pricing/openai.yaml"] += (
        b"    - effective: 2027-01-01\n      per_million: {input: 2.5, output: 10}\n      margin: 1.2\n"
    )
    feed = listed({"openai/gpt-4o": {"input_mtok": "2.5", "output_mtok": "10"}})
    assert desk.survey(feed).steps == ()


def test_a_price_that_comes_between_keeps_our_schedule_and_tells_of_it(desk):
    desk.files["pricing/openai.yaml"] += (
        b"    - effective: 2027-01-01\n      per_million: {input: 2.5, output: 10}\n      margin: 1.2\n"
    )
    added, left = desk.take(listed({"openai/gpt-4o": {"input_mtok": "2", "output_mtok": "10"}}))
    assert added == ["openai/gpt-4o@2026-11-21"]
    assert left == [("openai/gpt-4o@2027-01-01", "SCHEDULED")]
    dates = [line for line in desk.files["pricing/openai.yaml"].decode().splitlines() if "effective" in line]
    assert [line.split()[-1] for line in dates] == ["2026-01-01", "2026-11-21", "2027-01-01"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("input_mtok", "1000", "SLIP"), ("output_mtok", "0.5", "SLIP"), ("input_mtok", "0", "ZERO_PRICE")],
)
def test_what_looks_like_a_slip_waits_until_it_is_named(desk, field, value, code):
    feed = listed({MODEL: {**HAIKU, field: value}})
    assert desk.take(feed) == ([], [(f"{MODEL}@2026-11-21", code)])
    assert desk.take(feed, providers=["anthropic"]) == ([], [(f"{MODEL}@2026-11-21", code)])
    assert desk.take(feed, models=["claude-haiku-4-5"]) == ([f"{MODEL}@2026-11-21"], [])


def test_a_free_model_is_not_taken_for_ours(desk):
    feed = listed({MODEL: {"input_mtok": "0", "output_mtok": "0"}})
    assert desk.take(feed) == ([], [(f"{MODEL}@2026-11-21", "ZERO_PRICE")])


def test_several_prices_of_a_unit_are_left_even_when_named(desk):
    feed = listed({"openai/gpt-4o": {"input_mtok": "2.5", "output_mtok": "9", "output_image_mtok": "30"}})
    assert desk.take(feed, models=["gpt-4o"]) == ([], [("openai/gpt-4o@2026-11-21", "SEVERAL_PRICES")])


def test_what_follows_on_something_left_out_is_left_out(desk):
    feed = listed(
        {MODEL: dated((None, {**HAIKU, "input_mtok": "100"}), ("2027-01-01", {**HAIKU, "input_mtok": "1.5"}))}
    )
    added, left = desk.take(feed)
    assert added == []
    assert sorted(left) == [(f"{MODEL}@2026-11-21", "SLIP"), (f"{MODEL}@2027-01-01", "AFTER_ANOTHER")]


def test_tiers_are_taken_over_and_what_the_list_does_not_know_stays(desk):
    tiered = {
        "input_mtok": {"base": Decimal("2.5"), "tiers": [{"start": 200000, "price": Decimal(5)}]},
        "output_mtok": {"base": Decimal(12), "tiers": [{"start": 200000, "price": Decimal(18)}]},
    }
    desk.take(listed({"anthropic/claude-sonnet-4-5": tiered}))
    assert desk.entries("anthropic/claude-sonnet-4-5").endswith("""\
    - effective: 2026-11-21
      per_million:
        input: 2.50
        output: 12.00
        cache_read: 0.30
        cache_write: 3.75
      above_input:
        - from: 200000
          per_million:
            input: 5.00
            output: 18.00
      source: {url: https://github.com/pydantic/genai-prices, checked: 2026-11-21}
""")


def test_context_tiers_stay_when_the_list_has_none(desk):
    feed = listed({"anthropic/claude-sonnet-4-5": {"input_mtok": "2.5", "output_mtok": "15"}})
    found = desk.survey(feed)
    assert found.notes == ["price anthropic/claude-sonnet-4-5@2026-11-21 keeps its context tiers; the list has none"]
    desk.take(feed)
    assert desk.entries("anthropic/claude-sonnet-4-5").count("- from: 200000") == 2


@pytest.mark.parametrize(
    "kept",
    [
        "margin:\n        default: 2.0\n        plans:\n          pro: 1.60\n",
        "charge:\n        per_million: {input: 9.00, output: 30.00}\n",
        "credits: {multiplier: 1.50}\n",
    ],
)
def test_what_we_charge_is_kept_as_it_is_written(desk, kept):
    own = desk.files["pricing/openai.yaml"].decode().replace("margin: 1.5\n", kept)
    desk.files["pricing/openai.yaml"] = own.encode()
    desk.take(listed({"openai/gpt-4o": {"input_mtok": "2", "output_mtok": "8"}}))
    after = desk.files["pricing/openai.yaml"].decode()
    assert after.startswith(own)
    assert (
        after.removeprefix(own)
        == f"""\
    - effective: 2026-11-21
      per_million:
        input: 2.00
        output: 8.00
        cache_read: 1.25
      {kept}      source: {{url: {URL}, checked: 2026-11-21}}
"""
    )


def test_accepted_warnings_and_notes_of_the_old_entry_do_not_carry_over(desk):
    own = desk.files["pricing/openai.yaml"] + b"      note: until spring\n      accept: [MARGIN_BELOW_ONE]\n"
    desk.files["pricing/openai.yaml"] = own
    desk.take(listed({"openai/gpt-4o": {"input_mtok": "2", "output_mtok": "8"}}))
    new = desk.files["pricing/openai.yaml"].removeprefix(own).decode()
    assert "margin: 1.5" in new
    assert "accept" not in new
    assert "note" not in new


def test_units_that_are_dear_stand_each(desk):
    desk.take(listed({"openai/gpt-4o": {"input_mtok": "2.5", "output_mtok": "10", "requests_kcount": "12"}}))
    assert (
        desk.files["pricing/openai.yaml"]
        .decode()
        .endswith("""\
        cache_read: 1.25
      per_unit: {request: 0.012}
      margin: 1.5
      source: {url: https://github.com/pydantic/genai-prices, checked: 2026-11-21}
""")
    )


def test_a_file_is_named_as_the_source_when_it_is_one(desk):
    desk.take(listed({"openai/gpt-4o": {"input_mtok": "2"}}, url=""))
    assert "source: {note: a list, checked: 2026-11-21}" in desk.files["pricing/openai.yaml"].decode()


def test_the_entry_goes_where_the_others_of_its_model_are(desk):
    text = desk.files.pop("pricing/openai.yaml")
    desk.files["pricing/a.yaml"] = b"provider: openai\ndefaults:\n  margin: 2\nprices: {}\n"
    desk.files["pricing/b.yaml"] = text
    desk.take(listed({"openai/gpt-4o": {"input_mtok": "2"}}))
    assert desk.files["pricing/a.yaml"] == b"provider: openai\ndefaults:\n  margin: 2\nprices: {}\n"
    assert b"effective: 2026-11-21" in desk.files["pricing/b.yaml"]


def test_models_meet_under_other_spellings(desk):
    for path in ("registry", "pricing", "routing"):
        text = desk.files.pop(f"{path}/anthropic.yaml").replace(b"provider: anthropic", b"provider: claude")
        desk.files[f"{path}/claude.yaml"] = text
    feed = listed({"anthropic/claude-haiku-4-5-20251001": CHEAPER})
    assert desk.take(feed)[0] == ["claude/claude-haiku-4-5@2026-11-21"]


def test_an_alias_without_a_version_matches_nothing(desk):
    found = desk.survey(listed({"anthropic/claude-haiku": {"input_mtok": "0.25", "output_mtok": "1.25"}}))
    assert found.matched == 0
    assert MODEL in found.missing


def test_models_that_are_not_ours_are_counted_and_told_how_to_get(desk):
    feed = listed({"openai/gpt-9": {"input_mtok": "3", "output_mtok": "9"}, "xai/grok-9": {}})
    found = desk.survey(feed)
    assert [model.key for model in found.unregistered] == ["openai/gpt-9", "xai/grok-9"]
    assert desk.survey(feed, models=["gpt-9"]).steps == ()
    assert proposal_command(desk.validation.catalogue, feed.models[0], NOW) == (
        "ratecard propose --title 'Add gpt-9' --add 'model openai/gpt-9'"
        " --set 'model openai/gpt-9#display_name=gpt-9' --set 'model openai/gpt-9#type=llm'"
        " --add 'price openai/gpt-9@2026-11-21'"
        " --set 'price openai/gpt-9@2026-11-21#per_million={input: 3, output: 9}'"
    )


def test_a_registered_model_without_a_price_is_told(desk):
    desk.files["registry/openai.yaml"] += b"  gpt-5:\n    display_name: GPT-5\n    type: llm\n    active: false\n"
    found = desk.survey(listed({"openai/gpt-5": {"input_mtok": "1.25", "output_mtok": "10"}}))
    assert found.unpriced == ("openai/gpt-5",)
    assert found.edits == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"models": ["claude-haiku-45"]},
            "--model: neither the registry nor a list has 'claude-haiku-45'; did you mean",
        ),
        (
            {"providers": ["anthropc"]},
            "--provider: neither the registry nor a list has 'anthropc'; did you mean 'anthropic'?",
        ),
        ({"models": ["gpt-4o"], "providers": ["anthropic"]}, "--model: neither the registry nor a list has 'gpt-4o'"),
    ],
)
def test_names_that_nobody_has_are_refused(desk, options, message):
    with pytest.raises(UsageError) as caught:
        desk.survey(listed({MODEL: HAIKU}), **options)
    assert str(caught.value).startswith(message)


def test_options_limit_what_is_looked_at(desk):
    feed = listed({MODEL: CHEAPER, "openai/gpt-4o": {"input_mtok": "2"}})
    assert [step.departure.model for step in desk.survey(feed, providers=["openai"]).steps] == ["openai/gpt-4o"]
    assert [step.departure.model for step in desk.survey(feed, models=[MODEL]).steps] == [MODEL]
    assert [step.departure.model for step in desk.survey(feed, models=["claude-haiku"]).steps] == [MODEL]


def test_the_largest_difference_comes_first(desk):
    feed = listed({MODEL: {**HAIKU, "input_mtok": "1.1"}, "openai/gpt-4o": {"input_mtok": "1"}})
    assert [step.departure.model for step in desk.survey(feed).steps] == ["openai/gpt-4o", MODEL]


def test_a_result_that_is_not_valid_is_refused(desk):
    desk.files["ratecard.yaml"] = b"severity: {CHEAPER_THAN_HALF: error}\n"
    with pytest.raises(ConfigError) as caught:
        desk.take(listed({MODEL: {**HAIKU, "input_mtok": "0.3"}}))
    assert caught.value.findings[0].code == "CHEAPER_THAN_HALF"


def test_new_warnings_are_told(desk):
    desk.survey(listed({MODEL: {**HAIKU, "input_mtok": "0.3"}}))
    found = desk.survey(listed({MODEL: {**HAIKU, "input_mtok": "0.3"}}))
    draft = draft_entries(desk.files, desk.validation, found.edits, folder="config", now=NOW)
    assert [warning.code for warning in draft.warnings] == ["CHEAPER_THAN_HALF"]
    assert draft.counts == {"pricing/anthropic.yaml": 8}

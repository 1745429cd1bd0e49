from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from metering.book.ratebook import RateBook
from schema.database import reading
from schema.errors import RatecardError
from schema.keys import Key, parse_key
from sync.edit import AddEntity, Edit, RemoveEntity, apply_edits, parse_rename, parse_set
from sync.errors import RefusedError
from sync.reverting import Reverted, revert
from sync.rollback import in_effect
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, apply_files, make_target

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HAIKU = "anthropic/claude-haiku-4-5"
Files = Mapping[str, str]


def edited(files: Files, *edits: str | Edit, now: datetime = NOW) -> dict[str, str]:
    wanted = [parse_set(edit) if isinstance(edit, str) else edit for edit in edits]
    return changed(files, apply_edits({path: text.encode() for path, text in files.items()}, wanted, now=now))


def changed(files: Files, changes: Mapping[str, bytes | None]) -> dict[str, str]:
    after = {path: text for path, text in files.items() if path not in changes}
    return after | {path: data.decode() for path, data in changes.items() if data is not None}


def back(engine: Engine, then: Files, here: Files, now: datetime = NOW) -> tuple[dict[str, str], Reverted]:
    made = revert(
        {path: text.encode() for path, text in then.items()},
        {path: text.encode() for path, text in here.items()},
        in_effect(engine, now),
        now=now,
    )
    return changed(here, made.changed), made


def margin_now(engine: Engine, model: str, now: datetime) -> int | None:
    with reading(engine) as connection:
        price = RateBook.load(connection, now=now).price_at(*model.split("/", 1), now)
    return None if price is None else price.margin_micros


SCHEDULED: tuple[str | Edit, ...] = (
    AddEntity(parse_key("model openai/gpt-5"), {"display_name": "GPT-5", "type": "llm", "active": "false"}),
    AddEntity(
        parse_key("price openai/gpt-5@2027-01-01"),
        {"per_million.input": "2", "per_million.output": "8", "margin": "1.5"},
    ),
    "price openai/gpt-4o@2026-01-01#note=Checked",
    AddEntity(
        parse_key("price openai/gpt-4o@2027-01-01"),
        {"per_million.input": "2", "per_million.output": "8", "margin": "1.5"},
    ),
    "route openai/_default=anthropic/claude-sonnet-4-5",
    "plan pro#price.monthly=25",
    AddEntity(parse_key("plan team"), {"name": "Team", "price.monthly": "90"}),
    RemoveEntity(parse_key("pack Starter")),
    "setting signup_grant_credits=5",
)


def test_what_is_not_in_effect_goes_back_byte_for_byte(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(SMALL_CONFIG, *SCHEDULED)
    apply_files(engine, here, NOW)
    after, made = back(engine, SMALL_CONFIG, here)
    assert after == SMALL_CONFIG
    assert made.notes == ("plan team goes: apply refuses while accounts subscribe to it",)
    assert apply_files(engine, after, NOW).summary == {"create": 1, "update": 4, "delete": 4}
    assert back(engine, SMALL_CONFIG, after)[1] == Reverted({}, ())


def test_a_price_in_effect_stays_and_the_earlier_one_follows_from_today(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(SMALL_CONFIG, f"price {HAIKU}#margin=2.5", now=NOW - timedelta(days=3))
    apply_files(engine, here, NOW - timedelta(days=3))
    assert margin_now(engine, HAIKU, NOW) == 2_500_000
    after, made = back(engine, SMALL_CONFIG, here)
    assert list(made.changed) == ["pricing/anthropic.yaml"]
    assert after["pricing/anthropic.yaml"] == here["pricing/anthropic.yaml"].replace(
        "      margin: 2.5\n",
        """\
      margin: 2.5
    - effective: 2026-11-21
      per_million:
        input: 1.00
        output: 5.00
        cache_read: 0.10
        cache_write: 1.25
      margin: 3.0
""",
    )
    assert made.notes == (
        f"price {HAIKU}@2026-11-18 stays: it is in effect since 2026-11-18, and calls may have been billed by it",
        f"price {HAIKU} says from 2026-11-21 on what price {HAIKU}@2026-01-01 said",
    )
    apply_files(engine, after, NOW + timedelta(minutes=5))
    assert margin_now(engine, HAIKU, NOW + timedelta(minutes=4)) == 2_500_000
    assert margin_now(engine, HAIKU, NOW + timedelta(minutes=5)) == 3_000_000


def test_a_price_of_today_is_followed_at_the_moment(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(SMALL_CONFIG, f"price {HAIKU}#margin=2.5")
    apply_files(engine, here, NOW - timedelta(hours=1))
    after, made = back(engine, SMALL_CONFIG, here)
    assert made.notes[-1] == f"price {HAIKU} says from 2026-11-21T09:30:00Z on what price {HAIKU}@2026-01-01 said"
    apply_files(engine, after, NOW)
    assert margin_now(engine, HAIKU, NOW) == 3_000_000


def test_an_entry_that_was_repriced_in_place_is_followed_too(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(SMALL_CONFIG, f"price {HAIKU}@2026-01-01#margin=2.5", "plan pro#name=Professional")
    apply_files(engine, here, NOW, allowed={"--reprice"})
    after, made = back(engine, SMALL_CONFIG, here, NOW + timedelta(days=1))
    assert sorted(made.changed) == ["plans.yaml", "pricing/anthropic.yaml"]
    assert after["plans.yaml"] == SMALL_CONFIG["plans.yaml"]
    apply_files(engine, after, NOW + timedelta(days=1))
    assert margin_now(engine, HAIKU, NOW + timedelta(days=1)) == 3_000_000
    assert margin_now(engine, HAIKU, NOW) == 2_500_000


def test_a_default_margin_that_was_billed_stays_and_entries_name_the_earlier_one(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = dict(SMALL_CONFIG)
    here["pricing/anthropic.yaml"] = here["pricing/anthropic.yaml"].replace("margin: 1.3", "margin: 1.1")
    apply_files(engine, here, NOW, allowed={"--reprice"})
    after, _ = back(engine, SMALL_CONFIG, here, NOW + timedelta(days=1))
    assert "  margin: 1.1\n" in after["pricing/anthropic.yaml"]
    assert after["pricing/anthropic.yaml"].count("effective: 2026-11-22\n") == 2
    assert after["pricing/anthropic.yaml"].count("      margin: 1.3\n") == 2
    apply_files(engine, after, NOW + timedelta(days=1))
    assert margin_now(engine, "anthropic/claude-sonnet-4-5", NOW + timedelta(days=1)) == 1_300_000


def test_a_model_that_was_billed_stays_inactive_with_its_price(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(
        SMALL_CONFIG,
        AddEntity(parse_key("provider mistral"), {"display_name": "Mistral"}),
        AddEntity(
            parse_key("model mistral/large"),
            {"display_name": "Large", "type": "llm", "aliases": ["big", "claude-haiku"]},
        ),
        "model anthropic/claude-haiku-4-5#aliases=[]",
        AddEntity(
            parse_key("price mistral/large@2026-05-01"),
            {"per_million.input": "2", "per_million.output": "6", "margin.default": "1.5", "margin.plans.team": "1.4"},
        ),
        AddEntity(
            parse_key("price mistral/large@2027-07-01"),
            {"per_million.input": "1", "per_million.output": "6", "margin": "1.5"},
        ),
        AddEntity(parse_key("route mistral/_default"), {"model": "large"}),
        AddEntity(parse_key("plan team"), {"name": "Team", "price.monthly": "90"}),
    )
    apply_files(engine, here, APPLIED + timedelta(days=60))
    after, made = back(engine, SMALL_CONFIG, here)
    assert after["registry/mistral.yaml"].splitlines()[1:] == [
        "provider: mistral",
        "display_name: Mistral",
        "models:",
        "  large:",
        "    display_name: Large",
        "    type: llm",
        "    aliases: [big]",
        "    active: false",
    ]
    assert "2026-05-01" in after["pricing/mistral.yaml"]
    assert "2027-07-01" not in after["pricing/mistral.yaml"]
    assert "routing/mistral.yaml" not in after
    assert made.notes == (
        "price mistral/large@2026-05-01 stays: it is in effect since 2026-05-01, and calls may have been billed by it",
        "model mistral/large stays, inactive: calls may have been billed by its prices",
        "plan team stays, inactive: prices in effect name it",
    )
    apply_files(engine, after, NOW)


def test_a_model_that_went_comes_back_with_all_its_prices(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = {path: text for path, text in SMALL_CONFIG.items() if "openai" not in path}
    here = edited(here, "route anthropic/chat_response#fallbacks=[claude-sonnet-4-5]")
    apply_files(engine, here, NOW, allowed={"--reprice"})
    after, made = back(engine, SMALL_CONFIG, here)
    assert (after, made.notes) == (SMALL_CONFIG, ())
    apply_files(engine, after, NOW)


def test_history_that_was_taken_out_stays_out(engine: Engine) -> None:
    two = edited(SMALL_CONFIG, f"price {HAIKU}#margin=2.5", now=APPLIED)
    apply_files(engine, two)
    here = edited(two, RemoveEntity(parse_key(f"price {HAIKU}@2026-01-01")))
    apply_files(engine, here, NOW, allowed={"--reprice"})
    after, made = back(engine, two, here)
    assert after == here
    assert made.notes == (f"price {HAIKU}@2026-01-01 was taken out of history since, and stays out",)


def test_a_price_that_was_merged_and_never_applied_just_goes(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = edited(SMALL_CONFIG, f"price {HAIKU}#margin=2.5", f"price {HAIKU}@2026-01-01#margin=9")
    after, made = back(engine, SMALL_CONFIG, here)
    assert (after, made.notes) == (SMALL_CONFIG, ())


def test_rates_are_history_too(engine: Engine) -> None:
    rates = "rates:\n  USD/EUR:\n    - effective: 2026-01-01\n      rate: 0.90   # planned\n"
    then = {**SMALL_CONFIG, "exchange_rates.yaml": rates}
    apply_files(engine, then)
    here = edited(then, "rate USD/EUR#rate=0.95", AddEntity(parse_key("rate USD/EUR@2027-01-01"), {"rate": "1"}))
    apply_files(engine, here, NOW)
    after, made = back(engine, then, here, NOW + timedelta(days=1))
    assert after["exchange_rates.yaml"] == (
        rates + "    - effective: 2026-11-21\n      rate: 0.95\n    - effective: 2026-11-22\n      rate: 0.90\n"
    )
    assert made.notes[-1] == "rate USD/EUR says from 2026-11-22 on what rate USD/EUR@2026-01-01 said"


def test_an_earlier_configuration_that_cannot_be_read_is_refused(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    with pytest.raises(RefusedError) as refusal:
        back(engine, {**SMALL_CONFIG, "plans.yaml": "plans: [\n"}, SMALL_CONFIG)
    assert str(refusal.value).startswith("the earlier configuration cannot be read any more: config/plans.yaml:1:9")


def test_other_files_of_the_folder_stay(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    here = {**SMALL_CONFIG, ".hidden.yaml": "x: 1\n", "notes/a.yaml": "y: 2\n"}
    assert back(engine, SMALL_CONFIG, here)[1].changed == {}


RANDOM_EDITS: tuple[str | Edit, ...] = (
    *(f"price {HAIKU}#margin={margin}" for margin in ("2.0", "2.2", "2.4")),
    *(f"price anthropic/claude-sonnet-4-5#per_million.input={rate}" for rate in ("3.1", "3.2")),
    "price openai/gpt-4o@2026-01-01#margin=1.7",
    f"price {HAIKU}@2026-01-01#per_million.input=1.1",
    RemoveEntity(parse_key(f"price {HAIKU}@2026-01-01")),
    AddEntity(
        parse_key(f"price {HAIKU}@2027-03-01"), {"per_million.input": "1", "per_million.output": "2", "margin": "2"}
    ),
    AddEntity(
        parse_key("price openai/gpt-4o@2026-11-22"),
        {"per_million.input": "1", "per_million.output": "2", "margin": "2"},
    ),
    RemoveEntity(parse_key("price openai/gpt-4o@2026-11-22")),
    "plan pro#price.monthly=30",
    parse_rename("pack Starter=Small"),
    "route anthropic/extraction=claude-sonnet-4-5",
    "setting signup_grant_credits=7",
    parse_rename("model openai/gpt-4o=openai/gpt"),
    "model anthropic/claude-sonnet-4-5#access=all",
)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_applied_a_rollback_applies_without_an_option_and_restores_what_is_in_force(
    engine: Engine, seed: int
) -> None:
    choice = random.Random(seed)
    now = NOW
    states: list[dict[str, str]] = [dict(SMALL_CONFIG)]
    apply_files(engine, SMALL_CONFIG)
    for _ in range(choice.randint(2, 5)):
        now += timedelta(hours=choice.choice([1, 5, 30]))
        here = states[-1]
        for edit in choice.sample(RANDOM_EDITS, 3):
            try:
                tried = edited(here, edit, now=now)
                make_target(tried)
            except (RatecardError, AssertionError):
                continue
            here = tried
        if here != states[-1]:
            apply_files(engine, here, now, allowed={"--reprice", "--force", "--rollback"})
            states.append(here)
    then = choice.choice(states)
    now += timedelta(minutes=30)
    after, _ = back(engine, then, states[-1], now)
    if after == states[-1]:
        return
    moment = now + timedelta(minutes=10)
    apply_files(engine, after, moment, allowed={"--force"})
    wanted, found = make_target(then).rows, make_target(after).rows
    for kind in wanted.keys() - {"price", "rate"}:
        extra = found[kind].keys() - wanted[kind].keys()
        assert {name: found[kind][name] for name in found[kind].keys() - extra} == wanted[kind]
        assert not any(found[kind][name].get("active", True) for name in extra)
    for model in make_target(then).rows["model"]:
        past = [
            row for name, row in wanted["price"].items() if name.startswith(f"{model}@") and row["effective"] <= moment
        ]
        if past:
            last = max(past, key=lambda row: row["effective"])
            assert margin_now(engine, model, moment) == last["margin_micros"], (model, Key("seed", str(seed)))

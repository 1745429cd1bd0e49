"""Keys and moments, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import KeyFormatError
from schema.keys import KINDS, Key, moment_text, parse_key, parse_moment, split_dated, split_model

MODELS = st.text(st.characters(whitelist_categories=("L", "N"), whitelist_characters="/:@._-"), min_size=1, max_size=40)
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.sampled_from(KINDS), MODELS)
def test_keys_round_trip(kind, name):
    key = Key(kind, name)
    assert parse_key(str(key)) == key


@given(st.from_regex(r"[a-z0-9_.\-]{1,20}", fullmatch=True), MODELS, MOMENTS)
def test_names_of_prices_round_trip(provider, model, moment):
    name, date = split_dated(f"{provider}/{model}@{moment_text(moment)}")
    assert split_model(name) == (provider, model)
    assert parse_moment(date) == moment


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("model anthropic/claude-haiku-4-5", Key("model", "anthropic/claude-haiku-4-5")),
        ("  plan   pro  ", Key("plan", "pro")),
        ("pack Big Pack", Key("pack", "Big Pack")),
        ("run_unit tier/heavy", Key("run_unit", "tier/heavy")),
    ],
)
def test_keys_are_read(text, key):
    assert parse_key(text) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle anthropic/x", "'modle anthropic/x' is no key: 'modle' is not a kind; did you mean 'model'?"),
        ("plan", "'plan' is no key: it names no plan"),
        ("", "'' is no key: '' is not a kind"),
    ],
)
def test_keys_that_name_nothing(text, message):
    with pytest.raises(KeyFormatError) as raised:
        parse_key(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("openrouter/openai/gpt-4o:free", ("openrouter", "openai/gpt-4o:free")),
        ("vertex/claude@20240229", ("vertex", "claude@20240229")),
        ("a//b", ("a", "/b")),
    ],
)
def test_the_provider_ends_at_the_first_slash(text, parts):
    assert split_model(text) == parts


@pytest.mark.parametrize("text", ["", "gpt-4o", "/gpt-4o", "openai/"])
def test_what_is_no_model(text):
    with pytest.raises(KeyFormatError, match="is not PROVIDER/MODEL"):
        split_model(text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("p/m@2026-01-01", ("p/m", "2026-01-01")),
        ("p/m@2026-01-01T09:30:00Z", ("p/m", "2026-01-01T09:30:00Z")),
        ("p/m@20240229@2026-01-01", ("p/m@20240229", "2026-01-01")),
        ("p/m@20240229", ("p/m@20240229", "")),
        ("p/m@2026-13-45", ("p/m", "2026-13-45")),
        ("cloudflare/@cf/meta/llama", ("cloudflare/@cf/meta/llama", "")),
        ("cloudflare/@cf/meta/llama@2026-01-01", ("cloudflare/@cf/meta/llama", "2026-01-01")),
        ("p/m@tomorrow", ("p/m", "tomorrow")),
        ("p/m@", ("p/m", "")),
        ("p/m", ("p/m", "")),
        ("USD/ZAR@2026-01-01", ("USD/ZAR", "2026-01-01")),
    ],
)
def test_the_date_begins_after_the_last_at(name, parts):
    assert split_dated(name) == parts


# ---- moments

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01", NEW_YEAR),
        (" 2026-01-01 ", NEW_YEAR),
        ("2026-01-01T09:30", NEW_YEAR.replace(hour=9, minute=30)),
        ("2026-01-01 09:30:15", NEW_YEAR.replace(hour=9, minute=30, second=15)),
        ("2026-01-01T09:30:15.25Z", NEW_YEAR.replace(hour=9, minute=30, second=15, microsecond=250_000)),
        ("2026-01-01T00:00:00.123456789Z", NEW_YEAR.replace(microsecond=123_456)),
        ("2026-01-01T02:00:00+02:00", NEW_YEAR),
        ("2025-12-31T19:00:00-0500", NEW_YEAR),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text, moment):
    found = parse_moment(text)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-01",
        "2026-1-1",
        "01/02/2026",
        "20260101",
        "20260101T000000",
        "2026-W01-1",
        "2026-001",
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-01-01T25:00:00Z",
        "2026-01-01T09",
        "2026-01-01T09:30:00 UTC",
        "2026-01-01X09:30",
        "2026-01-01Z",
        "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
        "0001-01-01T00:00:00+23:00",
        "tomorrow",
    ],
)
def test_what_is_no_moment(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_moment(text)


@given(MOMENTS)
def test_moments_round_trip(moment):
    assert parse_moment(moment_text(moment)) == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NEW_YEAR, "2026-01-01"),
        (NEW_YEAR.replace(hour=9), "2026-01-01T09:00:00Z"),
        (NEW_YEAR.replace(microsecond=1), "2026-01-01T00:00:00.000001Z"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01"),
    ],
)
def test_moments_are_written(moment, text):
    assert moment_text(moment) == text

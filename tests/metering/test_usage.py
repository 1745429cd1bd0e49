from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from metering.errors import BadEventError, UnknownUnitError
from metering.usage import Usage, read_usage, stored_units
from tests.metering.rate_card import NOW


def usage(**values: Any) -> Usage:
    return Usage(**({"event_id": "e1", "account": "acct-0001", "model": "haiku", "provider": "anthropic"} | values))


def refusal(**values: Any) -> str:
    with pytest.raises(BadEventError) as caught:
        read_usage(usage(**values), now=NOW)
    return str(caught.value)


def test_an_event_holds_what_the_caller_gave() -> None:
    event = read_usage(
        usage(
            occurred_at=datetime(2026, 6, 14, 9, tzinfo=UTC),
            user="u",
            task="t",
            feature="f",
            tool="o",
            tier="i",
            reasoning_level="basic",
            units={"input": 10, "output": 0, "video_second": Decimal("1.5")},
            cpu_seconds="0.25",
            gpu_seconds=2,
            latency_ms=1200,
            metadata={"trace": "é"},
        ),
        now=NOW,
    )
    assert (event.event_id, event.account, event.provider, event.model) == ("e1", "acct-0001", "anthropic", "haiku")
    assert event.occurred_at == datetime(2026, 6, 14, 9, tzinfo=UTC)
    assert (event.user, event.task, event.feature, event.tool, event.tier) == ("u", "t", "f", "o", "i")
    assert event.reasoning_level == "basic"
    assert event.units == {"input": 10, "video_second": 1_500_000}
    assert (event.cpu_seconds_micros, event.gpu_seconds_micros, event.latency_ms) == (250_000, 2_000_000, 1200)
    assert event.details == '{"trace":"é"}'


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        (None, NOW),
        (datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, tzinfo=UTC)),  # noqa: DTZ001 - a naive time is UTC
        (datetime(2026, 1, 1, 10, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ("2026-01-01T10:00:00Z", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        (NOW + timedelta(minutes=5), NOW + timedelta(minutes=5)),
    ],
)
def test_times_are_utc(given: Any, moment: datetime) -> None:
    event = read_usage(usage(occurred_at=given), now=NOW)
    assert event.occurred_at == moment
    assert event.occurred_at.tzinfo is UTC


def test_a_time_more_than_five_minutes_ahead_is_refused() -> None:
    moment = NOW + timedelta(minutes=5, microseconds=1)
    assert refusal(occurred_at=moment) == "occurred_at is more than 5 minutes ahead: 2026-06-15T12:05:00.000001+00:00"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"input": 5}, {"input": 5}),
        ({"input": "5"}, {"input": 5}),
        ({"input": Decimal("5.0")}, {"input": 5}),
        ({"input": 0, "output": "0"}, {}),
        ({"audio_minute": 2}, {"audio_minute": 2_000_000}),
        ({"audio_minute": "0.000001"}, {"audio_minute": 1}),
        ({"run_unit": Decimal("12.3456")}, {"run_unit": 12_345_600}),
        ({"input": 10**12}, {"input": 10**12}),
    ],
)
def test_quantities_become_stored_parts(given: Any, stored: dict[str, int]) -> None:
    assert stored_units(given) == stored


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ({"input": -1}, "input is negative: -1"),
        ({"input": "-1"}, "input is negative: -1"),
        ({"input": Decimal("-0.5")}, "input is negative: -0.5"),
        ({"input": 1.0}, "input is the binary float 1.0; give an int, a Decimal or text"),
        ({"input": True}, "input is True, which is not a number"),
        ({"input": None}, "input is None, which is not a number"),
        ({"input": "many"}, "input is 'many', which is not a number"),
        ({"input": "1e3"}, "input is '1e3', which is not a number"),
        ({"input": "1_000"}, "input is '1_000', which is not a number"),
        (
            {"input": "9" * 5000},
            "input is '99999999999999999999999999999999999999999999999999999999..., which is not a number",
        ),
        ({"input": Decimal("NaN")}, "input is NaN, which is not a number"),
        ({"input": Decimal("1.5")}, "input is 1.5; it must be a whole number"),
        ({"video_second": Decimal("0.0000001")}, "video_second is 1E-7; it must be of at most 6 decimals"),
        ({"video_second": Decimal("1E-999999")}, "video_second is 1E-999999; it must be of at most 6 decimals"),
        ({"input": 10**12 + 1}, "input is more than 1000000000000"),
        ({"input": Decimal("1E+999999")}, "input is more than 1000000000000"),
        ({"inputs": 1}, "'inputs' is not a unit; did you mean 'input'?"),
    ],
)
def test_quantities_that_cannot_be_counted_are_refused(units: Any, message: str) -> None:
    assert refusal(units=units) == message


def test_an_unknown_unit_has_its_own_code() -> None:
    with pytest.raises(UnknownUnitError) as caught:
        stored_units({"token": 1})
    assert (caught.value.code, caught.value.status) == ("UNKNOWN_UNIT", 422)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"event_id": ""}, "event_id is missing"),
        ({"event_id": "e" * 201}, "event_id has 201 characters; at most 200 are allowed"),
        ({"account": None}, "account is missing"),
        ({"model": None}, "model is missing"),
        ({"account": "a" * 201}, "account has 201 characters; at most 200 are allowed"),
        ({"user": 7}, "user is 7, which is not text"),
        ({"task": "x" * 10_241}, "task has 10241 bytes; at most 10240 are allowed"),
        ({"task": "é" * 5_121}, "task has 10242 bytes; at most 10240 are allowed"),
        ({"tool": "a\x00b"}, "tool holds a zero character"),
        ({"tier": "\ud800"}, "tier is not valid Unicode"),
        ({"occurred_at": "yesterday"}, "occurred_at is 'yesterday', which is not a time"),
        ({"occurred_at": 5}, "occurred_at is 5, which is not a time"),
        ({"occurred_at": date(2026, 6, 1)}, "occurred_at is datetime.date(2026, 6, 1), which is not a time"),
        ({"occurred_at": time(12)}, "occurred_at is datetime.time(12, 0), which is not a time"),
        ({"occurred_at": [NOW.year]}, "occurred_at is [2026], which is not a time"),
        ({"event_id": 7}, "event_id is 7, which is not text"),
        ({"event_id": None}, "event_id is missing"),
        ({"account": ["a"]}, "account is ['a'], which is not text"),
        ({"model": {"name": "haiku"}}, "model is {'name': 'haiku'}, which is not text"),
        ({"provider": b"anthropic"}, "provider is b'anthropic', which is not text"),
        ({"task": 0}, "task is 0, which is not text"),
        ({"feature": ()}, "feature is (), which is not text"),
        ({"reasoning_level": ["advanced"]}, "reasoning_level is ['advanced'], which is not text"),
        ({"cpu_seconds": [1]}, "cpu_seconds is [1], which is not a number"),
        ({"latency_ms": timedelta(1)}, "latency_ms is datetime.timedelta(days=1), which is not a number"),
        ({"metadata": "text"}, "metadata is 'text', which is not a mapping"),
        ({"metadata": {1: 2, "a": 3}}, "metadata cannot be written as JSON"),
        ({"units": [("input", 1)]}, "units is [('input', 1)], which is not a mapping such as {\"input\": 100}"),
        ({"units": "input=1"}, "units is 'input=1', which is not a mapping such as {\"input\": 100}"),
        ({"units": None}, 'units is None, which is not a mapping such as {"input": 100}'),
        ({"units": {None: 1}}, "'None' is not a unit"),
        ({"units": {"input": [1]}}, "input is [1], which is not a number"),
        ({"latency_ms": "-3"}, "latency_ms is negative: -3"),
        ({"cpu_seconds": 0.5}, "cpu_seconds is the binary float 0.5; give an int, a Decimal or text"),
        ({"metadata": [1]}, "metadata is [1], which is not a mapping"),
        ({"metadata": {"x": object}}, "metadata cannot be written as JSON"),
        ({"metadata": {"x": float("nan")}}, "metadata cannot be written as JSON"),
        ({"metadata": {"x": "\ud800"}}, "metadata cannot be written as JSON"),
        ({"metadata": {"x": "y" * 10_240}}, "metadata has 10248 bytes; at most 10240 are allowed"),
        ({"metadata": {"x": "\x00"}}, "metadata holds a zero character"),
    ],
)
def test_fields_that_cannot_be_stored_are_refused(values: dict[str, Any], message: str) -> None:
    assert refusal(**values) == message


def test_fields_at_their_limit_are_taken() -> None:
    event = read_usage(usage(event_id="e" * 200, task="x" * 10_240, metadata={"x": "\\u0000"}), now=NOW)
    assert len(event.event_id) == 200
    assert event.details == '{"x":"\\\\u0000"}'


def contents(**values: Any) -> bytes:
    return read_usage(usage(**values), now=NOW).content_hash


def test_the_hash_is_of_the_contents() -> None:
    first = contents(units={"input": 1, "output": 2}, metadata={"a": 1, "b": 2})
    assert first == contents(units={"output": "2", "input": Decimal(1)}, metadata={"b": 2, "a": 1})
    assert first == contents(units={"input": 1, "output": 2, "page": 0}, metadata={"a": 1, "b": 2})
    assert first != contents(units={"input": 1, "output": 3}, metadata={"a": 1, "b": 2})
    assert first != contents(units={"input": 1, "output": 2}, metadata={"a": 1, "b": 3})
    assert first != contents(units={"input": 1, "output": 2}, metadata={"a": 1, "b": 2}, task="x")


def test_a_retry_without_a_time_is_the_same_event() -> None:
    later = read_usage(usage(), now=NOW + timedelta(hours=1))
    assert later.content_hash == contents()
    assert later.content_hash != contents(occurred_at=NOW)


def test_the_hash_does_not_move_between_versions() -> None:
    """Stored hashes must be found again: this one may never change."""
    assert contents(units={"input": 3}, occurred_at="2026-01-01").hex() == "a3dd44b39b41fb14c17230a8d775b997"

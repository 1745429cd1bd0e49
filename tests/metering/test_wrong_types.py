"""Values of a wrong type: each is refused as a bad event, with the field's name, and nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from metering.errors import BadEventError, MeteringError, UnknownAccountError
from metering.meter import Meter
from metering.receipts import Receipt
from metering.usage import Usage

WRONG_UNITS = ([("input", 1)], ["input"], "input=1", None, 5, {"input": [1]}, {"input": {"n": 1}})
NO_TEXT: tuple[Any, ...] = (["haiku"], {"model": "haiku"}, 7, b"haiku")


def call(event_id: Any, **values: Any) -> Usage:
    plain = {"account": "a", "provider": "anthropic", "model": "haiku", "units": {"input": 1}}
    return Usage(**(plain | {"event_id": event_id} | values))


@pytest.mark.parametrize("units", WRONG_UNITS, ids=str)
def test_units_that_are_no_mapping_of_quantities(meter: Meter, units: Any) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: meter.record(call("1", units=units)),
        lambda: meter.record_many([call("2"), call("3", units=units)]),
        lambda: meter.quote("anthropic", "haiku", units),
    ]
    if units is not None:
        attempts += [
            lambda: meter.hold("a", "anthropic", "haiku", units=units),
            lambda: meter.check("a", "anthropic", "haiku", units=units),
            lambda: meter.would_exceed("a", units),
        ]
    for attempt in attempts:
        with pytest.raises(BadEventError, match=r"^(units|input) is .*, which is not a (mapping|number)") as caught:
            attempt()
        assert (caught.value.code, caught.value.status) == ("BAD_EVENT", 422)
    with pytest.raises(UnknownAccountError):
        meter.balance("a")


def test_only_the_wrong_event_of_a_batch_is_rejected(meter: Meter) -> None:
    wrong: list[Any] = [
        call("u", units=["input"]),
        call("n", units=None),
        call(7),
        call("t", task=["x"]),
        call("l", latency_ms={}),
        call("o", occurred_at=["now"]),
        call("m", metadata=[1]),
        {"event_id": "no usage"},
        None,
    ]
    outcomes = meter.record_each([call("first"), *wrong, call("last")])
    told = [str(one) for one in outcomes if isinstance(one, MeteringError)]
    assert told == [
        "units is ['input'], which is not a mapping such as {\"input\": 100}",
        'units is None, which is not a mapping such as {"input": 100}',
        "event_id is 7, which is not text",
        "task is ['x'], which is not text",
        "latency_ms is {}, which is not a number",
        "occurred_at is ['now'], which is not a time",
        "metadata is [1], which is not a mapping",
        "{'event_id': 'no usage'} is not a Usage",
        "None is not a Usage",
    ]
    assert [isinstance(one, Receipt) for one in outcomes] == [True] + [False] * 9 + [True]


@pytest.mark.parametrize("value", NO_TEXT, ids=str)
def test_names_that_are_no_text(meter: Meter, value: Any) -> None:
    for field in ("provider", "model", "task", "reasoning_level", "feature", "tool", "tier"):
        named: dict[str, Any] = {"provider": "anthropic", "model": "haiku", field: value}
        attempts: list[Callable[[], object]] = [
            partial(meter.record, call("1", **{field: value})),
            partial(meter.check, "a", **named),
        ]
        if field not in ("tool", "tier"):
            attempts.append(partial(meter.hold, "a", **named, input=1, max_output=1))
        for attempt in attempts:
            with pytest.raises(BadEventError, match=f"^{field} is .*, which is not text"):
                attempt()


@pytest.mark.parametrize("value", NO_TEXT[:2], ids=str)
def test_names_that_are_no_text_get_no_quote(meter: Meter, value: Any) -> None:
    for field in ("provider", "model", "plan", "reasoning_level", "feature", "task"):
        named: dict[str, Any] = {"provider": "anthropic", "model": "haiku", field: value}
        with pytest.raises(BadEventError, match=f"^{field} is .*, which is not text"):
            meter.quote(units={"input": 1}, **named)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_output": "many"}, "max_output is 'many', which is not a whole number"),
        ({"max_output": 1.5}, r"max_output is '1\.5', which is not a whole number"),
        ({"max_output": True}, "max_output is 'True', which is not a whole number"),
        ({"input": None}, "input is None, which is not a number"),
        ({"lifetime": 15}, "a hold lasts longer than nothing"),
        ({"hold_id": 7}, "the id of a hold is '7', which is not text"),
    ],
)
def test_a_hold_of_wrong_values(meter: Meter, values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadEventError, match=message):
        meter.hold("a", "anthropic", "haiku", **({"input": 1, "max_output": 1} | values))


def test_a_capture_of_what_is_no_usage_leaves_the_hold_open(meter: Meter) -> None:
    meter.wallets.grant("a", "purchase", key="g", usd=1)
    hold = meter.hold("a", "anthropic", "haiku", input=1, max_output=1)
    for usage in ({"event_id": "1"}, None, call("1", units=["input"])):
        with pytest.raises(BadEventError, match=r"is not a Usage|is not a mapping"):
            hold.capture(usage)  # type: ignore[arg-type]
    assert meter.holds.row("a", hold.hold_id).status == "open"

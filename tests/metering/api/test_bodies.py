"""JSON as it is read: exact, and nothing that a database could not hold."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from metering.api.bodies import read_json, with_floats


def test_numbers_keep_their_text() -> None:
    assert read_json(b'{"a": 0.1, "b": 12345678901234567890, "c": [1e3, -2.50]}') == {
        "a": Decimal("0.1"),
        "b": 12345678901234567890,
        "c": [Decimal("1E+3"), Decimal("-2.50")],
    }
    assert repr(with_floats({"a": [Decimal("0.7"), 1, "x"]})) == "{'a': [0.7, 1, 'x']}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": Infinity}', "Infinity is no number"),
        (b'{"a": 1, "a": 1}', "a name stands twice in one object"),
        (b'"\\u0000"', "it holds a zero character"),
        (b'{"\\u0000": 1}', "it holds a zero character"),
        (b'["\\ud800"]', "it is not valid UTF-8"),
        (b'{"\\uDFFF": 1}', "it is not valid UTF-8"),
        (b"\xff", "it is not valid UTF-8"),
        (b"9" * 5_000, "a number in it is too large"),
        (b"1e99999999999999999999", "a number in it is too large"),
        (b"[" * 101 + b"]" * 101, "it is nested too deeply"),
        (b"[" * 200_000, "it is nested too deeply"),
    ],
)
def test_what_nobody_can_mean_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        read_json(body)
    assert caught.value.msg == reason


def test_a_hundred_levels_and_pairs_of_surrogates_are_read() -> None:
    deep = read_json(b"[" * 100 + b"]" * 100)
    for _ in range(99):
        (deep,) = deep
    assert deep == []
    assert read_json(b'"\\ud83d\\ude00 \\\\u0000"') == "😀 \\u0000"

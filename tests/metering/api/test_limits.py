"""How often one may ask, and the cursors of pages."""

from __future__ import annotations

import pytest

from metering.api.app import Options
from metering.api.errors import BadRequestError
from metering.api.paging import cursor_of, id_of
from metering.api.rates import Rates
from metering.meter import Meter
from tests.metering.api.conftest import Api, served
from tests.metering.rate_card import Clock


class Seconds:
    """A clock in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_steadily_and_never_above_its_brim() -> None:
    clock = Seconds()
    rates = Rates(60, 2, clock)
    assert [rates.take("a"), rates.take("a"), rates.take("a")] == [0, 0, 1]
    assert rates.take("b") == 0
    clock.now = 0.5
    assert rates.take("a") == 0.5
    clock.now = 1.0
    assert [rates.look("a"), rates.take("a"), rates.look("a")] == [0, 0, 1]
    clock.now = 1_000.0
    assert [rates.take("a") for _ in range(3)] == [0, 0, 1]


def test_no_limit_lets_all_pass() -> None:
    rates = Rates(0, 0, Seconds())
    assert {rates.take("a") for _ in range(1_000)} == {0}


def test_a_key_that_asks_too_often_waits_and_others_do_not(lite: Api, clock: Clock) -> None:
    with served(lite.meter, Options(requests_per_minute=1, sweep_seconds=0), clock=clock) as port:
        limited = Api(lite.meter, port, lite.keys)
        answers = [limited.get("/v1/quota") for _ in range(11)]
        assert [answer.status for answer in answers] == [200] * 10 + [429]
        assert answers[-1].error == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert limited.get("/v1/quota", key="other").status == 200


def test_who_guesses_is_slowed_down_and_who_has_a_key_is_not(lite: Api, clock: Clock) -> None:
    options = Options(requests_per_minute=0, failures_per_minute=1, sweep_seconds=0)
    with served(lite.meter, options, clock=clock) as port:
        guarded = Api(lite.meter, port, lite.keys)
        assert guarded.get("/v1/quota").status == 200
        assert [guarded.get("/v1/quota", key="rk_a_b").status for _ in range(3)] == [401, 429, 429]
        assert guarded.get("/v1/quota").status == 200
        guarded.meter.keys.revoke(guarded.keys["meter"].split("_")[1], by="tests")
        assert [guarded.get("/v1/quota").status for _ in range(2)] == [401, 429]


def test_of_callers_that_stay_away_nothing_is_kept(lite_meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.api.rates._MOST_CALLERS", 3)
    rates = Rates(60, 1, Seconds())
    for caller in "abcd":
        rates.take(caller)
    assert rates.take("d") == 1
    assert rates.take("a") == 0


@pytest.mark.parametrize("text", ["e-1", "é/😀", "a" * 200])
def test_a_cursor_stands_for_an_id(text: str) -> None:
    cursor = cursor_of(text)
    assert cursor is not None
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert id_of(cursor) == text


@pytest.mark.parametrize("cursor", ["", "A", "_w", "AA"])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequestError):
        id_of(cursor)
    assert id_of(None) is None
    assert cursor_of(None) is None

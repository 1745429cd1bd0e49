"""Alerts on their way to a real HTTP server: each once, whatever fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from metering.errors import WebhookError
from metering.meter import Meter
from metering.quotas.alerts import Alert
from metering.quotas.delivery import ATTEMPTS, wait_after
from metering.usage import Usage
from tests.metering.quotas.receiver import Receiver, receiving
from tests.metering.rate_card import ROWS, Clock, apply_rows, plan_row, setting

VARIABLE = "ALERT_WEBHOOK_URL"
PLANS = [plan_row("free", limits={"tokens_per_month": 1_000, "requests_per_day": 10}, overage="soft")]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A server that settings lead to by a variable."""
    with receiving() as receiver:
        monkeypatch.setenv(VARIABLE, receiver.address)
        monkeypatch.setenv("no_proxy", "*")
        yield receiver


@pytest.fixture
def telling(engine: Engine, migrated_url: str, clock: Clock) -> Iterator[Meter]:
    """A meter whose settings name a webhook, and whose plan has limits."""
    notify = setting("notifications", {"webhook_env": VARIABLE, "format": "json"})
    apply_rows(engine, ROWS | {"plan": PLANS, "setting": [*ROWS["setting"], notify]})
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


def use(meter: Meter, event: str, tokens: int, account: str = "acct-1") -> None:
    meter.record(Usage(event_id=event, account=account, model="small", units={"input": tokens}))


def only(meter: Meter) -> Alert:
    (alert,) = meter.quotas.alerts()
    return alert


def test_each_threshold_is_told_once(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    use(telling, "e1", 799)
    assert telling.quotas.deliver().told == 0
    use(telling, "e2", 1)
    use(telling, "e2", 1)
    assert telling.quotas.deliver().told == 1
    assert telling.quotas.deliver().told == 0
    use(telling, "e3", 400)
    use(telling, "e4", 400)
    clock.forward(hours=2)
    assert telling.quotas.deliver().told == 2
    told = [(body["account"], body["quota"], body["period"], body["percent"]) for body in receiver.bodies]
    assert told == [("acct-1", "tokens_per_month", "2026-06", percent) for percent in (80, 95, 100)]
    assert {(one.status, one.attempts, one.fault) for one in telling.quotas.alerts()} == {("told", 1, None)}
    keys = [headers["Idempotency-Key"] for headers in receiver.headers]
    assert len(set(keys)) == 3
    assert all(key.startswith("ratecard-alert-") for key in keys)
    assert {headers["Content-Type"] for headers in receiver.headers} == {"application/json"}
    clock.moment = datetime(2026, 7, 2, tzinfo=UTC)
    use(telling, "e5", 900)
    assert telling.quotas.deliver().told == 1
    assert receiver.bodies[-1]["period"] == "2026-07"


def test_settings_choose_slack_or_json(telling: Meter, receiver: Receiver) -> None:
    apply_rows(telling.engine, {"setting": [setting("notifications", {"webhook_env": VARIABLE, "format": "slack"})]})
    telling.reload()
    use(telling, "e1", 960)
    assert telling.quotas.deliver().told == 2
    assert receiver.bodies[0] == {
        "text": "acct-1 reached 80 % of its tokens in 2026-06: 960 of 1,000 on plan free."
        " The limit holds until 2026-07-01, 00:00 UTC.",
        "mrkdwn": False,
    }


def test_settings_say_in_which_words(telling: Meter, receiver: Receiver) -> None:
    words = {"warning": "{account}: {used} of {limit}", "upgrade": None, "reached": None}
    named = {"webhook_env": VARIABLE, "format": "slack", "templates": words}
    apply_rows(telling.engine, {"setting": [setting("notifications", named)]})
    telling.reload()
    use(telling, "e1", 960)
    assert telling.quotas.deliver().told == 2
    first, second = (body["text"] for body in receiver.bodies)
    assert first == "acct-1: 960 of 1,000"
    assert second.startswith("acct-1 reached 95 % of its tokens")


def test_what_the_webhook_does_not_take_is_told_later(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    use(telling, "e1", 800)
    receiver.answers = [500, 404]
    done = telling.quotas.deliver()
    assert (done.told, done.failed, done.given_up, done.fault) == (0, 1, 0, "the webhook answered HTTP 500")
    assert (only(telling).status, only(telling).attempts, only(telling).fault) == (
        "waiting",
        1,
        "the webhook answered HTTP 500",
    )
    clock.forward(seconds=59)
    assert telling.quotas.deliver().failed == 0
    clock.forward(seconds=1)
    assert telling.quotas.deliver().failed == 1
    clock.forward(seconds=119)
    assert telling.quotas.deliver().told == 0
    clock.forward(seconds=1)
    assert telling.quotas.deliver().told == 1
    assert (only(telling).status, only(telling).attempts, only(telling).fault) == ("told", 3, None)
    assert only(telling).told_at == clock.moment
    assert len({headers["Idempotency-Key"] for headers in receiver.headers}) == 1
    assert len(receiver.bodies) == 3


def test_waits_double_up_to_an_hour() -> None:
    minutes = [wait_after(attempts) // timedelta(minutes=1) for attempts in range(1, ATTEMPTS)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_it_is_given_up_after_a_dozen_attempts(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    use(telling, "e1", 800)
    receiver.answers = [503] * 20
    given_up = []
    for _ in range(ATTEMPTS + 2):
        given_up.append(telling.quotas.deliver().given_up)
        clock.forward(hours=1)
    assert given_up == [0] * (ATTEMPTS - 1) + [1, 0, 0]
    assert (only(telling).status, only(telling).attempts) == ("given up", ATTEMPTS)
    assert len(receiver.bodies) == ATTEMPTS


def test_what_is_long_over_is_not_told(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    for number in range(8):
        use(telling, f"e{number}", 100)
    # 80 % of a day's requests, and of a month's tokens.
    clock.moment = datetime(2026, 6, 17, tzinfo=UTC)
    done = telling.quotas.deliver()
    assert (done.told, done.given_up) == (1, 1)
    assert [body["quota"] for body in receiver.bodies] == ["tokens_per_month"]
    old = next(one for one in telling.quotas.alerts() if one.quota == "requests_per_day")
    assert (old.status, old.fault) == ("given up", "its period was over before it could be told")


def test_a_day_that_has_just_ended_is_still_told(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    for number in range(8):
        use(telling, f"e{number}", 1)
    clock.moment = datetime(2026, 6, 16, 23, 59, tzinfo=UTC)
    assert telling.quotas.deliver().told == 1


def test_two_deliverers_never_tell_the_same_alert(telling: Meter, receiver: Receiver, migrated_url: str) -> None:
    for number in range(12):
        use(telling, "e1", 800, account=f"acct-{number}")
    start = threading.Barrier(3)

    def deliver() -> int:
        with Meter.open(migrated_url, now=telling._runtime.clock, listen=False) as other:
            start.wait()
            return other.quotas.deliver().told

    with ThreadPoolExecutor(3) as pool:
        told = [future.result() for future in [pool.submit(deliver) for _ in range(3)]]
    assert sum(told) == 12
    assert sorted(body["account"] for body in receiver.bodies) == sorted(f"acct-{number}" for number in range(12))


def test_one_that_dies_between_claim_and_answer_loses_nothing(
    telling: Meter, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(telling, "e1", 800)
    with monkeypatch.context() as patch:
        patch.setattr("metering.quotas.delivery._send", _die)
        with pytest.raises(KeyboardInterrupt):
            telling.quotas.deliver()
    assert (only(telling).status, only(telling).attempts) == ("waiting", 1)
    assert telling.quotas.deliver().told == 0
    clock.forward(minutes=1)
    assert telling.quotas.deliver().told == 1


def _die(*_: object) -> str:
    raise KeyboardInterrupt


def test_a_webhook_that_is_down_is_not_asked_for_each_alert(telling: Meter, receiver: Receiver, clock: Clock) -> None:
    for number in range(6):
        use(telling, "e1", 800, account=f"acct-{number}")
    receiver.answers = [500] * 3
    assert telling.quotas.deliver().failed == 3
    assert len(receiver.bodies) == 3
    clock.forward(minutes=1)
    assert telling.quotas.deliver().told == 6


def test_a_redirect_is_not_followed(telling: Meter, receiver: Receiver) -> None:
    use(telling, "e1", 800)
    receiver.answers = [302]
    assert telling.quotas.deliver().fault == "the webhook answered HTTP 302"
    assert receiver.paths == ["/services/secret-token"]


def test_the_address_is_a_secret(
    telling: Meter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    use(telling, "e1", 800)
    monkeypatch.setenv("no_proxy", "*")
    # Nobody listens; a label of more than 63 characters is no host.
    for address in (f"http://127.0.0.1:{port}/secret-token", f"http://{'secret-token' * 6}/"):
        monkeypatch.setenv(VARIABLE, address)
        done = telling.quotas.deliver()
        assert done.failed == 1
        assert "secret-token" not in str(done.fault)
        assert "secret-token" not in str(only(telling).fault)
        clock.forward(hours=1)
    assert caplog.text
    assert "secret-token" not in caplog.text


def test_without_a_webhook_nothing_is_claimed(telling: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    use(telling, "e1", 800)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(WebhookError, match=f"the variable {VARIABLE}, .* is not set"):
        telling.quotas.deliver()
    for address in (
        "file:///etc/passwd",
        "ftp://h/x",
        "secret",
        "http://",
        "http://h:port/",
        "http://h/a b",
        "http://ä",
    ):
        monkeypatch.setenv(VARIABLE, address)
        with pytest.raises(WebhookError, match=r"holds no http\(s\) address"):
            telling.quotas.deliver()
    apply_rows(telling.engine, {"setting": [setting("notifications", None)]})
    telling.reload()
    with pytest.raises(WebhookError, match=r"settings\.notifications names no webhook"):
        telling.quotas.deliver()
    assert (only(telling).attempts, only(telling).status) == (0, "waiting")


def test_an_import_of_the_past_tells_nobody(telling: Meter) -> None:
    usages = [
        Usage(event_id=f"e{day}", account="acct-1", model="small", units={"input": 900}, occurred_at=f"2026-0{day}-01")
        for day in range(1, 6)
    ]
    telling.record_many(usages)
    assert telling.quotas.alerts() == []

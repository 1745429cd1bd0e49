from __future__ import annotations

from dataclasses import replace

import pytest

from metering.quotas.alerts import Alert
from metering.quotas.messages import alert_json, message, period_end, sentence, slack_message
from tests.metering.rate_card import NOW

ALERT = Alert(
    7, "acct-1", "run_units_per_month", "2026-06", 80, 81_500_000, 100_000_000, "free", NOW, 1, NOW, None, None
)
DAILY = replace(ALERT, quota="requests_per_day", period="2026-06-15", percent=100, used=1_000, allowed=1_000)


@pytest.mark.parametrize(
    ("alert", "overage", "text"),
    [
        (
            ALERT,
            "block",
            (
                "acct-1 reached 80 % of its run units in 2026-06: 81.5 of 100 on plan free."
                " The limit holds until 2026-07-01, 00:00 UTC."
            ),
        ),
        (
            replace(ALERT, percent=95, used=95_000_000),
            "block",
            (
                "acct-1 reached 95 % of its run units in 2026-06: 95 of 100 on plan free."
                " A greater plan would be needed to go on as before until 2026-07-01, 00:00 UTC."
            ),
        ),
        (
            DAILY,
            "block",
            (
                "acct-1 reached 100 % of its requests on 2026-06-15: 1,000 of 1,000 on plan free."
                " Calls are refused until 2026-06-16, 00:00 UTC."
            ),
        ),
        (
            DAILY,
            "grace",
            (
                "acct-1 reached 100 % of its requests on 2026-06-15: 1,000 of 1,000 on plan free."
                " Calls go on up to 1,100, then they are refused until 2026-06-16, 00:00 UTC."
            ),
        ),
        (
            DAILY,
            "soft",
            (
                "acct-1 reached 100 % of its requests on 2026-06-15: 1,000 of 1,000 on plan free."
                " Calls go on, and are owed."
            ),
        ),
        (
            DAILY,
            "observe",
            (
                "acct-1 reached 100 % of its requests on 2026-06-15: 1,000 of 1,000 on plan free."
                " Calls go on: nothing is enforced."
            ),
        ),
    ],
)
def test_an_alert_says_what_happens_next(alert: Alert, overage: str, text: str) -> None:
    assert sentence(alert, overage) == text


def test_the_end_of_periods() -> None:
    ends = [period_end(period).isoformat() for period in ("2026-06", "2026-12", "2026-06-30", "2028-02-28")]
    assert ends == ["2026-07-01", "2027-01-01", "2026-07-01", "2028-02-29"]


def test_an_account_cannot_write_slack_markup_or_lines() -> None:
    evil = replace(ALERT, account="<!channel> & <https://evil.example|click>\n\x1b[31m")
    message = slack_message(evil, "block")
    text = message["text"]
    assert text.startswith("&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;\ufffd\ufffd[31m reached 80 %")
    assert message["mrkdwn"] is False
    assert "\n" not in text
    assert "<" not in text


def test_an_alert_as_json() -> None:
    assert alert_json(ALERT, "grace") == {
        "format_version": 1,
        "event": "quota_alert",
        "id": 7,
        "account": "acct-1",
        "quota": "run_units_per_month",
        "period": "2026-06",
        "percent": 80,
        "state": "warning",
        "used": "81.5",
        "limit": "100",
        "plan": "free",
        "overage": "grace",
        "resets_on": "2026-07-01",
        "created_at": "2026-06-15T12:00:00+00:00",
        "message": sentence(ALERT, "grace"),
    }
    daily = alert_json(DAILY, "block")
    assert (daily["used"], daily["limit"], daily["state"]) == (1_000, 1_000, "reached")


def test_templates_say_it_in_other_words() -> None:
    """Warning, upgrade prompt and the end each have their own; what has none is said as ever."""
    every = (
        "{account}|{plan}|{quota}|{percent}|{used}|{limit}|{period}|{resets_on}",
        "acct-1|free|run units|80|81.5|100|2026-06|2026-07-01",
    )
    assert message(ALERT, "block", {"warning": every[0]}) == every[1]
    assert alert_json(ALERT, "block", {"warning": every[0]})["message"] == every[1]
    reached = {"warning": None, "reached": "Upgrade now: {message}"}
    assert message(ALERT, "block", reached) == sentence(ALERT, "block")
    assert message(DAILY, "block", reached) == f"Upgrade now: {sentence(DAILY, 'block')}"


def test_a_name_is_no_template_and_no_markup() -> None:
    hostile = replace(ALERT, account="{plan} <!channel> {0.__class__}")
    text = slack_message(hostile, "block", {"warning": "<{account}> & more"})["text"]
    assert text == "&lt;{plan} &lt;!channel&gt; {0.__class__}&gt; &amp; more"

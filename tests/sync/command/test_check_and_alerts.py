from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, update

from metering.meter import Meter
from metering.usage import Usage
from schema.database import writing
from schema.tables import account_state
from sync.command import build_parser, main
from tests.metering.quotas.receiver import receiving
from tests.metering.rate_card import ROWS, apply_rows, model_row, plan_row, setting
from tests.metering.rating.test_features import feature_row

VARIABLE = "ALERT_WEBHOOK_URL"
FREE = plan_row("free", limits={"run_units_per_month": 100, "requests_per_day": 20, "documents": 5})


def spend(url: str, run_units: str) -> None:
    """Record a call that uses run units and nothing else."""
    with Meter.open(url, listen=False) as meter:
        meter.record(Usage(event_id=run_units, account="acct-1", model="small", units={"run_unit": run_units}))


class Done(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(*words)`: a command on the database, in this process."""

    def run(*words: str) -> Done:
        code = main([*words, "--database", url])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def url(engine: Engine, migrated_url: str) -> str:
    notify = setting("notifications", {"webhook_env": VARIABLE, "format": "json"})
    models = [*ROWS["model"], model_row("anthropic", "grand", access="all")]
    rows = ROWS | {"plan": [FREE], "setting": [*ROWS["setting"], notify], "model": models}
    rows["feature"] = [feature_row("web_search", "per_use", "0.01")]
    rows["run_unit"] = [
        {"name": "tier/heavy", "value_micros": 1_500_000},
        {"name": "tool/default", "value_micros": 100_000},
        {"name": "tool/build_module", "value_micros": 500_000},
    ]
    apply_rows(engine, rows)
    return migrated_url


def test_allowed_at_99_and_refused_at_100(url: str, run: Run) -> None:
    def check(*words: str) -> Done:
        return run("check", "acct-1", *words)

    unknown = check()
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "ratecard: there is no account 'acct-1' [UNKNOWN_ACCOUNT]\n"
    spend(url, "99")
    allowed = check()
    assert (allowed.returncode, allowed.stderr) == (0, "")
    lines = allowed.stdout.splitlines()
    assert lines[0].split() == ["quota", "used", "limit", "left", "percent", "state", "resets"]
    assert lines[2].split()[:7] == ["run_units_per_month", "99", "100", "1", "99", "%", "upgrade"]
    assert lines[3] == "allowed"
    assert check("--units", "run_unit=1").returncode == 0
    more = check("--units", "run_unit=1.5")
    assert more.returncode == 1
    assert "99 of 100 run units this month are used on plan 'free'; this call would add 1.5; more from" in more.stderr
    spend(url, "1")
    refused = check("--format", "json")
    assert refused.returncode == 1
    told = json.loads(refused.stdout)
    assert (told["format_version"], told["allowed"], told["code"], told["plan"]) == (1, False, "QUOTA_EXCEEDED", "free")
    assert told["quotas"][1]["state"] == "blocked"
    assert refused.stderr.startswith("ratecard: 100 of 100 run units this month are used on plan 'free'; more from ")
    assert refused.stderr.endswith(" 00:00 UTC on [QUOTA_EXCEEDED]\n")


def test_models_static_limits_and_the_overview(url: str, run: Run) -> None:
    def check(*words: str) -> Done:
        return run("check", "acct-1", *words)

    spend(url, "80")
    refused = check("anthropic/grand")
    assert refused.stderr == (
        "ratecard: model anthropic/grand is of access 'all'; plan 'free' opens 'basic' [MODEL_NOT_IN_PLAN]\n"
    )
    assert check("small", "--units", "input=10").stderr.endswith("[INSUFFICIENT_BALANCE]\n")
    assert check("--feature", "web_search").stderr == (
        "ratecard: the call may come to 0.01 USD; 0 USD are available [INSUFFICIENT_BALANCE]\n"
    )
    assert check("--feature", "web_search", "--task", "routing").returncode == 0
    assert check("--limit", "documents", "--current", "4").returncode == 0
    full = check("--limit", "documents", "--current", "5")
    assert (full.returncode, full.stderr) == (
        1,
        "ratecard: 5 of 5 documents are used on plan 'free' [QUOTA_EXCEEDED]\n",
    )
    shown = check("--show").stdout.splitlines()
    assert shown[0] == "account acct-1, active, on plan free (Free), overage block"
    assert shown[-1].startswith("requests today: 1 of 20; 20")
    told = json.loads(check("--show", "--format", "json").stdout)
    assert (told["format_version"], told["state"], told["requests_today"]) == (1, "warning", 1)


def test_tool_calls_are_judged_by_their_run_units(url: str, run: Run) -> None:
    def check(*words: str) -> Done:
        return run("check", "acct-1", *words)

    tool = ("--tool", "build_module", "--tier", "heavy", "--cpu-seconds", "1")
    unknown = check("--would-exceed", *tool)
    assert (unknown.returncode, unknown.stderr) == (1, "ratecard: there is no account 'acct-1'\n")
    spend(url, "98")
    assert check(*tool).returncode == 0
    over = check(*tool, "--gpu-seconds", "1.0001")
    assert over.returncode == 1
    assert "this call would add 2.0002; more from" in over.stderr
    assert check("--tool", "other", "--latency-ms", "1901").stderr.endswith("[QUOTA_EXCEEDED]\n")
    charged = check(*tool, "--feature", "web_search")
    assert charged.stderr == ("ratecard: the call may come to 0.01 USD; 0 USD are available [INSUFFICIENT_BALANCE]\n")
    fits = check("--would-exceed", *tool)
    assert (fits.returncode, fits.stdout, fits.stderr) == (0, "would exceed no limit\n", "")
    beyond = check("--would-exceed", *tool, "--gpu-seconds", "1.0001", "--format", "json")
    assert beyond.returncode == 1
    assert json.loads(beyond.stdout) == {
        "format_version": 1,
        "account": "acct-1",
        "would_exceed": True,
        "exceeded": ["run_units_per_month"],
    }
    assert check("--would-exceed", "--units", "run_unit=2").returncode == 0
    more = check("--would-exceed", "--units", "run_unit=2.000001")
    assert (more.returncode, more.stdout) == (1, "would exceed run_units_per_month\n")
    assert more.stderr == "ratecard: the estimate goes beyond run_units_per_month\n"
    assert check(*tool, "--gpu-seconds", "many").stderr == ("ratecard: gpu_seconds is 'many', which is not a number\n")


def test_alerts_are_listed_and_sent_once(url: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def alerts(*words: str) -> Done:
        return run("alerts", *words)

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv(VARIABLE, raising=False)

    assert alerts("list").stdout == "no alerts\n"
    spend(url, "80")
    unset = alerts("send")
    assert (unset.returncode, unset.stdout) == (1, "")
    assert unset.stderr == f"ratecard: the variable {VARIABLE}, which settings.notifications names, is not set\n"
    listed = json.loads(alerts("list", "--waiting", "--format", "json").stdout)
    (alert,) = listed["alerts"]
    assert (alert["quota"], alert["percent"], alert["used"], alert["limit"], alert["status"]) == (
        "run_units_per_month",
        80,
        "80",
        "100",
        "waiting",
    )
    with receiving() as receiver:
        monkeypatch.setenv(VARIABLE, receiver.address)
        receiver.answers = [500]
        failed = alerts("send")
        assert (failed.returncode, failed.stdout) == (1, "told 0, failed 1, given up 0\n")
        assert failed.stderr == "ratecard: the webhook answered HTTP 500; see `ratecard alerts list --waiting`\n"
        spend(url, "15")
        sent = alerts("send", "--format", "json")
        assert json.loads(sent.stdout) == {"format_version": 1, "told": 1, "failed": 0, "given_up": 0, "fault": None}
        assert [body["percent"] for body in receiver.bodies] == [80, 95]
    lines = alerts("list", "acct-1").stdout.splitlines()
    assert len(lines) == 3
    assert "95 %    95    100  free  told 20" in lines[1]
    assert lines[2].endswith("waiting                 the webhook answered HTTP 500")
    assert alerts("list", "nobody").stderr == "ratecard: there is no account 'nobody'\n"


def test_enforcement_that_is_off_is_said(url: str, engine: Engine, run: Run) -> None:
    spend(url, "1")
    with writing(engine) as connection:
        connection.execute(update(account_state).values(month_run_unit_micros=10**8))
    apply_rows(engine, {"setting": [setting("enforcement", "observe")]})
    done = run("check", "acct-1")
    assert done.returncode == 0
    assert "allowed, as nothing is enforced: 100 of 100 run units this month are used" in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("check", []),
        ("check", ["a", "--units", "input"]),
        ("check", ["a", "--units", "input=1,input=2"]),
        ("check", ["a", "--units", "=1"]),
        ("alerts", []),
        ("alerts", ["list", "--limit", "0"]),
        ("alerts", ["list", "--limit", "many"]),
        ("alerts", ["send", "--limit", "10001"]),
    ],
)
def test_wrong_usage_is_told(name: str, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser(name).parse_args(words)
    assert caught.value.code == 64


@pytest.mark.parametrize(
    "words",
    [
        ["--limit", "documents"],
        ["--current", "1"],
        ["--adding", "1"],
        ["small", "--limit", "documents", "--current", "1"],
        ["--show", "--units", "input=1"],
        ["--show", "--would-exceed"],
        ["--tier", "heavy"],
        ["--cpu-seconds", "1"],
        ["--tool", "build", "--limit", "documents", "--current", "1"],
        ["--would-exceed"],
        ["small", "--would-exceed", "--units", "input=1"],
        ["--would-exceed", "--units", "input=1", "--feature", "web_search"],
    ],
)
def test_a_question_that_is_two_is_wrong_usage(words: list[str]) -> None:
    from sync.errors import UsageError

    parsed = build_parser("check").parse_args(["acct-1", *words])
    with pytest.raises(UsageError):
        parsed.run(parsed)

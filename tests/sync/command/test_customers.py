"""`ratecard account`, `subscription`, `key` and `renew`."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from metering.accounts.accounts import create_account
from schema.database import reading, writing
from schema.tables import account_state, audit_log
from sync.command import main
from tests.metering.rate_card import NOW
from tests.sync.command.conftest import Ask, Told

Run = Callable[..., "subprocess.CompletedProcess[str]"]
BY = "Price Desk <prices@example.com>"


def test_an_account_from_its_first_to_its_last_day(ask: Ask, told: Told, engine: Engine) -> None:
    made = ask("account", "create", "acct-1", "--name", "Alder Works", "--by", BY)["account"]
    assert (made["account"], made["name"], made["status"], made["plan"]) == ("acct-1", "Alder Works", "active", "free")
    started = ask("subscription", "start", "acct-1", "pro", "--trial", "--by", BY)
    assert (started["account"], started["subscription"]["status"]) == ("acct-1", "trial")
    upgraded = ask("subscription", "upgrade", "acct-1", "pro", "--cycle", "annual", "--fee", "500.50", "--by", BY)
    assert upgraded["subscription"]["fee_usd"] == "500.5"
    cancelled = ask("subscription", "cancel", "acct-1", "--reason", "too dear", "--by", BY)["subscription"]
    assert cancelled["cancel_at"] == cancelled["trial_until"] == started["subscription"]["trial_until"]
    assert ask("subscription", "keep", "acct-1", "--by", BY)["subscription"]["cancel_at"] is None
    assert ask("subscription", "extend", "acct-1", "--days", "3", "--by", BY)["subscription"]["status"] == "trial"
    shown = ask("account", "show", "acct-1")
    # The upgrade ended the credit of the trial's first plan; it is taken out of the balance a day later.
    assert (shown["account"]["balance_usd"], shown["account"]["available_usd"]) == ("20", "10")
    assert [one["status"] for one in shown["subscriptions"]] == ["cancelled", "trial"]
    assert told("account", "suspend", "acct-1", "--by", BY) == (0, "acct-1 is suspended\n", "")
    assert ask("account", "unsuspend", "acct-1", "--by", BY)["accounts"][0]["status"] == "active"
    assert ask("account", "ban", "acct-1", "--by", BY)["accounts"][0]["plan"] == "free"
    assert told("account", "delete", "acct-1")[0] == 64
    assert ask("account", "delete", "acct-1", "--yes", "--by", BY)["account"]["status"] == "deleted"
    assert told("account", "list") == (0, "no accounts\n", "")
    with reading(engine) as connection:
        log = connection.execute(select(audit_log.c.actor, audit_log.c.action).order_by(audit_log.c.id)).all()
    assert {row.actor for row in log} == {BY}
    assert [row.action for row in log] == [
        "account.create",
        "subscription.start",
        "subscription.change",
        "subscription.cancel",
        "subscription.keep",
        "subscription.extend",
        "account.suspend",
        "account.unsuspend",
        "account.ban",
        "account.delete",
    ]


def test_without_by_git_or_the_host_names_who_acts(ask: Ask, engine: Engine) -> None:
    ask("account", "create", "acct-1")
    with reading(engine) as connection:
        actor = connection.execute(select(audit_log.c.actor)).scalar_one()
    assert "@" in actor


def test_accounts_as_a_table_and_as_csv(told: Told) -> None:
    told("account", "create", "acct-1", "--name", "=HYPERLINK(1)")
    told("account", "create", "acct-2")
    told("subscription", "start", "acct-2", "pro")
    code, out, _ = told("account", "list")
    header, first, second = out.splitlines()
    assert code == 0
    assert header.split() == [
        "account",
        "name",
        "status",
        "plan",
        "subscription",
        "cancel_at",
        "balance_usd",
        "owed_usd",
        "users",
        "created_at",
        "last_event_at",
    ]
    assert first.split()[:8] == ["acct-1", "=HYPERLINK(1)", "active", "free", "-", "-", "0", "0"]
    assert second.split()[:8] == ["acct-2", "-", "active", "pro", "active", "-", "10", "0"]
    rows = list(csv.DictReader(io.StringIO(told("account", "list", "--format", "csv")[1])))
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", ""]
    assert [row["plan"] for row in rows] == ["free", "pro"]
    assert told("account", "list", "--plan", "pro", "--search", "ACCT")[1].splitlines()[1].startswith("acct-2 ")


def test_names_move_no_cursor(told: Told, engine: Engine) -> None:
    with writing(engine) as connection:
        create_account(connection, "a\x1b[2Jb", plan="free", now=NOW)
    for words in (("account", "list"), ("account", "show", "a\x1b[2Jb"), ("account", "users", "a\x1b[2Jb")):
        code, out, _ = told(*words)
        assert (code, "\x1b" in out, "\N{REPLACEMENT CHARACTER}[2Jb" in out) == (0, False, True)


def test_an_account_that_came_by_itself_gets_a_name(ask: Ask) -> None:
    ask("subscription", "start", "acct-1", "pro")
    assert ask("account", "rename", "acct-1", "Alder Works")["account"]["name"] == "Alder Works"
    assert ask("account", "rename", "acct-1", "")["account"]["name"] is None


def test_users(ask: Ask, told: Told) -> None:
    ask("account", "create", "acct-1")
    added = ask("account", "users", "acct-1", "--add", "u-1", "--name", "Desk", "--email", "desk@example.com")
    assert [(one["user"], one["role"], one["email"]) for one in added["users"]] == [
        ("u-1", "member", "desk@example.com")
    ]
    assert told("account", "users", "acct-1")[1].splitlines()[1].split()[:4] == [
        "u-1",
        "Desk",
        "desk@example.com",
        "member",
    ]
    assert ask("account", "users", "acct-1", "--remove", "u-1")["users"] == []
    assert told("account", "users", "acct-1")[1] == "acct-1 has no users\n"
    assert [one["email"] for one in ask("account", "users", "acct-1", "--removed")["users"]] == [None]
    assert told("account", "users", "acct-1", "--add", "u", "--remove", "u")[0] == 64
    assert told("account", "users", "acct-1", "--email", "desk@example.com")[0] == 64


def test_subscriptions_in_words(told: Told) -> None:
    code, out, _ = told("subscription", "gift", "acct-1", "pro", "--months", "2", "--reason", "for the outage")
    assert code == 0
    assert out.startswith("acct-1: pro, active, 0 USD a month since 2")
    assert out.endswith(", then the default plan\n")
    told("subscription", "start", "acct-2", "pro", "--since", "2026-01-31")
    out = told("subscription", "downgrade", "acct-2", "free")[1]
    assert "; until 2" in out
    assert out.endswith(", then free (monthly)\n")
    assert told("subscription", "past-due", "acct-2")[1].startswith("acct-2: pro, past_due, 20 USD a month since")
    assert told("subscription", "paid", "acct-2")[1].startswith("acct-2: pro, active, 20 USD a month since 2026-01-31")
    assert "; ended 2" in told("subscription", "cancel", "acct-2", "--now")[1]
    listed = told("subscription", "list")[1].splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [["acct-1", "pro", "active", "monthly"]]
    assert told("subscription", "list", "acct-2")[1].splitlines()[1].split()[:3] == ["acct-2", "pro", "cancelled"]
    assert told("subscription", "list", "--status", "trial")[1] == "no subscriptions\n"


def test_keys_are_shown_once(ask: Ask, told: Told) -> None:
    ask("account", "create", "acct-1")
    made = ask("key", "create", "acct-1", "--scope", "read", "--name", "widget", "--days", "30")
    key_id = made["key"]["key_id"]
    assert made["text"].startswith(f"rk_{key_id}_")
    assert (made["key"]["account"], made["key"]["scope"], made["key"]["state"]) == ("acct-1", "read", "valid")
    code, out, _ = told("key", "create", "--admin")
    assert (code, out.splitlines()[0].split()[2:]) == (0, ["of", "administrators,", "scope", "admin"])
    assert out.splitlines()[2] == "Keep it now: only its hash is stored, and nobody can show it again."
    rotated = ask("key", "rotate", key_id, "--overlap-hours", "0")
    assert rotated["text"] != made["text"]
    listed = told("key", "list", "acct-1", "--all")[1]
    assert [line.split()[4] for line in listed.splitlines()[1:]] == ["valid", "revoked"]
    for text in (made["text"], rotated["text"]):
        assert text.split("_", 2)[2] not in listed
    assert told("key", "revoke", rotated["key"]["key_id"])[1] == f"key {rotated['key']['key_id']} is revoked\n"
    assert told("key", "list", "acct-1")[1] == "no keys\n"
    assert [key["scope"] for key in ask("key", "list")["keys"]] == ["admin"]


def test_renewing_reports_what_was_due(ask: Ask, told: Told) -> None:
    ask("subscription", "start", "acct-1", "pro")
    assert told("renew") == (0, "nothing was due\n", "")
    assert ask("renew") == {
        "accounts": 0,
        "granted_usd": "0",
        "expired_usd": "0",
        "trials_ended": 0,
        "subscriptions_ended": 0,
        "holds_expired": 0,
        "failed": 0,
    }


def test_renewing_sweeps_all_accounts(told: Told, engine: Engine) -> None:
    with writing(engine) as connection:
        for number in range(250):
            create_account(connection, f"acct-{number}", plan="pro", now=NOW)
    assert told("renew")[1] == (
        "250 accounts: 2500 USD of credit granted, 0 USD expired; 0 trials and 0 subscriptions ended, 0 holds expired\n"
    )
    assert told("renew")[1] == "nothing was due\n"


def test_an_account_that_cannot_be_renewed_keeps_no_other_from_it(told: Told, engine: Engine) -> None:
    with writing(engine) as connection:
        for name in ("a", "b", "c"):
            create_account(connection, name, plan="pro", now=NOW)
        # No balance can hold the credit that comes.
        full = update(account_state).where(account_state.c.account_id == 2)
        connection.execute(full.values(balance_nanos=2**63 - 1))
    code, out, err = told("renew")
    assert (code, out[:30]) == (1, "2 accounts: 20 USD of credit g")
    assert "Traceback" not in err
    assert err.endswith("ratecard: 1 account could not be renewed; the log says why\n")
    with reading(engine) as connection:
        state = account_state.c
        found = connection.execute(select(state.balance_nanos).order_by(state.account_id)).scalars().all()
    assert found == [10**10, 2**63 - 1, 10**10]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("account", "show", "nobody"), "there is no account 'nobody'"),
        (("account", "suspend", "nobody"), "there is no account 'nobody'"),
        (("account", "list", "--status", "asleep"), "'asleep' is not a status: active, suspended, banned, deleted"),
        (("account", "create", "x", "--by", "two\nlines"), "who acts, and why, is one line of printable text"),
        (("subscription", "cancel", "nobody"), "there is no account 'nobody'"),
        (("subscription", "start", "x", "prp"), "there is no plan 'prp'; did you mean 'pro'?"),
        (
            ("key", "revoke", "x"),
            "there is no such key; name it by its id, the part between rk_ and the second _",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(told: Told, words: tuple[str, ...], message: str) -> None:
    assert told(*words) == (1, "", f"ratecard: {message}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("account",),
        ("account", "freeze", "x"),
        ("subscription", "start", "x"),
        ("subscription", "start", "x", "pro", "--fee", "a lot"),
        ("subscription", "start", "x", "pro", "--fee", "-1"),
        ("subscription", "start", "x", "pro", "--fee", "0.0000000001"),
        ("subscription", "start", "x", "pro", "--since", "yesterday"),
        ("subscription", "cancel", "x", "--now", "--at", "2026-01-01"),
        ("subscription", "list", "--status", "cancelled"),
        ("key", "create"),
        ("key", "create", "x", "--admin"),
        ("key", "create", "--admin", "--scope", "read"),
        ("key", "create", "x", "--days", "0"),
        ("key", "rotate", "x", "--overlap-hours", "-1"),
    ],
)
def test_wrong_usage(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    try:
        code = main(words)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    printed = capsys.readouterr()
    assert code == 64
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)


def test_the_installed_command_names_the_database_that_is_missing(run_ratecard: Run, tmp_path: Path) -> None:
    done = run_ratecard("account", "list", "--database", f"sqlite:///{tmp_path / 'none.db'}")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)

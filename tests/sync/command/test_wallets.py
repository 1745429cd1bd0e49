"""`ratecard grant` and `ratecard wallet`."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import Engine, select

from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading
from schema.tables import audit_log, grants
from tests.metering.rate_card import apply_rows, setting
from tests.sync.command.conftest import Ask, Told

BY = ("--by", "Price Desk <prices@example.com>")


def use(url: str, event_id: str, output: int) -> None:
    """A call of 12 USD for each million of output."""
    with Meter.open(url) as meter:
        usage = Usage(event_id=event_id, account="acme", provider="openai", model="gpt", units={"output": output})
        meter.record(usage)


def test_credit_is_given_once_and_audited(told: Told, ask: Ask, engine: Engine) -> None:
    words = ("grant", "give", "acme", "--credits", "20000", "--key", "gift", "--reason", "sorry", *BY)
    for _ in range(2):
        given = ask(*words)["grant"]
        assert (given["account"], given["kind"], given["worth_usd"], given["left_usd"]) == ("acme", "promo", "2", "2")
        assert (given["key"], given["paid_usd"], given["priority"], given["expires_at"]) == ("gift", "0", 20, None)
    with reading(engine) as connection:
        (row,) = connection.execute(select(audit_log)).all()
        (grant,) = connection.execute(select(grants)).all()
    assert (row.actor, row.action, row.target) == (BY[1], "grant", "account acme")
    assert row.after == {"kind": "promo", "key": "gift", "usd": "2", "reason": "sorry"}
    assert grant.note == "sorry"
    code, out, _ = told("grant", "give", "acme", "--usd", "1", "--key", "l", "--expires", "2999-01-01", *BY)
    assert (code, out) == (0, "acme: promo grant l worth $1 until 2999-01-01\n")


def test_a_pack_is_bought_and_refunded(told: Told, ask: Ask, migrated_url: str, engine: Engine) -> None:
    bought = ask("grant", "buy", "acme", "Starter", "--key", "payment-1", *BY)["grant"]
    assert (bought["kind"], bought["worth_usd"], bought["paid_usd"]) == ("purchase", "5", "5")
    use(migrated_url, "e1", 250_000)
    refunded = ask("grant", "refund", "acme", "--event", "e1", "--usd", "1", "--key", "t1", *BY)["refund"]
    assert (refunded["refunded_usd"], refunded["purchased_usd"], refunded["revenue_usd"]) == ("1", "1", "1")
    assert (refunded["balance_usd"], refunded["repeated"]) == ("3", False)
    taken = ask("grant", "refund", "acme", "--purchase", "payment-1", "--key", "t2", *BY)["refund"]
    assert (taken["credit_usd"], taken["money_usd"], taken["balance_usd"]) == ("3", "3", "0")
    assert told("grant", "refund", "acme", "--event", "e1", "--usd", "1", "--key", "t1", *BY)[:2] == (
        0,
        "acme: $1 of event e1 was given back before\n",
    )
    assert told("grant", "refund", "acme", "--event", "e1", "--key", "t3", *BY)[1] == (
        "acme: $2 of event e1 given back, the balance is $2\n"
    )
    assert told("grant", "refund", "acme", "--purchase", "payment-1", "--key", "t2", *BY)[1] == (
        "acme: $3 of purchase payment-1 was taken back before, $3 is to be paid out; the balance is $2\n"
    )
    with reading(engine) as connection:
        assert imbalances(connection) == []
        actions = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id)).scalars().all()
    assert actions == ["grant", "refund usage", "refund purchase", "refund usage"]


def test_a_cohort_is_served_once(told: Told, ask: Ask) -> None:
    for name in ("a", "b"):
        ask("grant", "give", name, "--usd", "1", "--key", "own", *BY)
    given = ask("grant", "cohort", "--key", "beta", "--credits", "10000", *BY)["cohort"]
    assert (given["key"], given["worth_usd"], given["added"], given["accounts"]) == ("beta", "1", 2, 2)
    ask("grant", "give", "c", "--usd", "1", "--key", "own", *BY)
    code, out, _ = told("grant", "cohort", "--key", "beta", "--credits", "10000", *BY)
    assert code == 0
    assert out.startswith("cohort beta of ")
    assert out.endswith(": $1 each, given to 0 accounts now, 2 in all\n")


def test_a_wallet_shows_what_can_be_spent(told: Told, ask: Ask, engine: Engine, migrated_url: str) -> None:
    apply_rows(engine, {"setting": [setting("credit_display_name", "stars"), setting("rounding_mode", "down")]})
    ask("grant", "give", "acme", "--usd", "1.00005", "--key", "now", *BY)
    ask("grant", "give", "acme", "--usd", "7", "--key", "later", "--starts", "2999-01-01", *BY)
    with Meter.open(migrated_url) as meter:
        meter.hold("acme", "openai", "gpt", max_output=10_000)
    shown = ask("wallet", "show", "acme")
    assert shown["wallet"] == {
        "account": "acme",
        "plan": "free",
        "balance_usd": "8.00005",
        "available_usd": "0.88005",
        "held_usd": "0.12",
        "owed_usd": "0",
        "overdraft_usd": "0",
        "credits": "8800",
        "credit_name": "stars",
    }
    assert [(one["key"], one["state"], one["left_usd"]) for one in shown["grants"]] == [
        ("now", "open", "1.00005"),
        ("later", "pending", "7"),
    ]
    code, out, _ = told("wallet", "show", "acme")
    assert code == 0
    assert out.splitlines()[:3] == [
        "acme, plan free: $0.88005 to spend (8,800 stars)",
        "  $8.00005 in the ledger",
        "  $0.12 set aside by holds",
    ]


def test_transactions_are_listed_and_exported(told: Told, ask: Ask, migrated_url: str) -> None:
    ask("grant", "give", "acme", "--usd", "1", "--key", "gift", "--reason", "=1+1", *BY)
    use(migrated_url, "e1", 250_000)
    found = ask("wallet", "transactions", "acme")["transactions"]
    assert [(one["kind"], one["amount_usd"], one["balance_usd"], one["key"]) for one in found] == [
        ("debit", "-3", "-2", "usage:e1"),
        ("grant", "1", "1", "grant:gift"),
    ]
    older = ask("wallet", "transactions", "acme", "--limit", "1", "--before", str(found[0]["id"]))["transactions"]
    assert older == found[1:]
    assert ask("wallet", "transactions", "acme", "--before", "9" * 30, "--kind", "debit")["transactions"] == found[:1]
    _, out, _ = told("wallet", "transactions", "acme", "--format", "csv")
    assert [(row["kind"], row["note"]) for row in csv.DictReader(io.StringIO(out))] == [
        ("debit", ""),
        ("grant", "'=1+1"),
    ]
    _, out, _ = told("wallet", "transactions", "acme")
    assert out.splitlines()[0].split() == ["id", "recorded_at", "kind", "amount_usd", "balance_usd", "key", "note"]


def test_grants_are_listed(told: Told, ask: Ask, migrated_url: str) -> None:
    ask("grant", "give", "acme", "--usd", "1", "--key", "gift", *BY)
    use(migrated_url, "e1", 250_000)
    (one,) = ask("grant", "list", "acme")["grants"]
    assert (one["key"], one["state"], one["left_usd"], one["worth_usd"]) == ("gift", "spent", "0", "1")
    assert told("grant", "list", "acme", "--unspent")[1] == "no grants\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("grant give acme --key k --usd 1.0000000001", 64, "argument --usd: an amount of 1.0000000001 has more than 9"),
        ("grant give acme --key k --usd lots", 64, "argument --usd: an amount of 'lots' is no number"),
        ("grant give acme --key k --usd -1", 1, "a grant is worth more than nothing"),
        ("grant give acme --key k --usd 1 --priority 1000000000000", 1, "a priority is from 0, which burns first"),
        ("grant give acme --key k --usd 1 --paid 1", 1, "nothing is paid for a promo grant"),
        ("grant give acme --key k --usd 1 --expires soon", 64, "argument --expires: 'soon' is not a date"),
        ("grant give acme --key k", 64, "one of the arguments --usd --credits is required"),
        ("grant give acme --usd 1", 64, "the following arguments are required: --key"),
        ("grant buy acme Startre --key k", 1, "there is no pack 'Startre'; did you mean 'Starter'?"),
        ("grant refund acme --event e1 --key k", 1, "there is no account 'acme'"),
        ("grant refund acme --key k", 64, "one of the arguments --event --purchase is required"),
        ("wallet show nobody", 1, "there is no account 'nobody'"),
        ("wallet transactions nobody --limit 0", 64, "--limit is a number from 1 to 1000, not 0"),
        ("wallet", 64, "the following arguments are required: ACTION"),
    ],
)
def test_slips_are_one_line(told: Told, engine: Engine, words: str, code: int, message: str) -> None:
    ended, out, err = told(*words.split(), *(BY if words.startswith("grant") else ()))
    assert (ended, out) == (code, "")
    assert message in err
    assert len(err.splitlines()) == 1
    with reading(engine) as connection:
        assert connection.execute(select(grants)).all() == []
        assert connection.execute(select(audit_log)).all() == []

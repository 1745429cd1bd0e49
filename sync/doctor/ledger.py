"""Does the money add up? Reads every posting, grant and charged event."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from metering.wallets.ledger import imbalances, unmatched_debits
from metering.wallets.proof import flaws
from schema.money import usd_text
from schema.tables import accounts, ledger_postings
from sync.doctor.finding import Check, Reporter
from sync.render.style import count

_SAY = Reporter("ledger")
_SHOWN = 5
_ADVICE = "restore the rows that were edited by hand; the ledger is append-only"


def check_ledger(connection: Connection) -> Iterator[Check]:
    """Each account's balance against its postings and grants; each debit against the events that it pays for; each
    posting's balance, each grant and each correction against all the others.
    """
    if connection.dialect.name == "sqlite":
        said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        if said != "ok":
            yield _SAY.fail(f"the file is damaged: {said}", "restore a backup")
            return
    wrong = imbalances(connection)
    for one in wrong[:_SHOWN]:
        message = (
            f"account {one.account}: the balance is ${usd_text(one.balance_nanos)}, its postings come to"
            f" ${usd_text(one.postings_nanos)}, its grants less what it owes to ${usd_text(one.wallet_nanos)}"
        )
        yield _SAY.fail(message, _ADVICE)
    if len(wrong) > _SHOWN:
        yield _SAY.fail(f"and {count(len(wrong) - _SHOWN, 'account')} more", _ADVICE)
    unmatched = unmatched_debits(connection)
    for debit in unmatched[:_SHOWN]:
        message = (
            f"account {debit.account}: posting {debit.posting_id} took ${usd_text(debit.amount_nanos)}, its events were"
            f" charged ${usd_text(debit.charged_nanos)}"
        )
        yield _SAY.fail(message, _ADVICE)
    if len(unmatched) > _SHOWN:
        yield _SAY.fail(f"and {count(len(unmatched) - _SHOWN, 'posting')} more", _ADVICE)
    flawed = list(flaws(connection))
    for flaw in flawed[:_SHOWN]:
        message = (
            f"account {flaw.account}: {flaw.what} is ${usd_text(flaw.says_nanos)}, the other records come to"
            f" ${usd_text(flaw.proved_nanos)}"
        )
        yield _SAY.fail(message, _ADVICE)
    if len(flawed) > _SHOWN:
        yield _SAY.fail(f"and {count(len(flawed) - _SHOWN, 'record')} more", _ADVICE)
    if not wrong and not unmatched and not flawed:
        held = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
        posted = connection.execute(select(func.count()).select_from(ledger_postings)).scalar_one()
        yield _SAY.ok(f"{count(held, 'account')} and {count(posted, 'posting')}: every balance is proved")


__all__ = ["check_ledger"]

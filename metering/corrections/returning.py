"""Credit on its way back: into the grants that met a charge, off what is owed, or to the grants that repaid it since.

Works on the locked state and grants in memory; only what repaid overage is read when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from metering.corrections.unwinding import Part
from metering.errors import BadCorrectionError
from metering.wallets.wallet import AccountState, Grant
from schema.money import share_of
from schema.tables import grants, ledger_postings
from schema.tables.ledger import NO_DEBIT


@dataclass(slots=True)
class Reversal:
    """What a posting has to say that unwinds another one; all in nano-USD."""

    reverses: int
    nanos: int = 0
    revenue_nanos: int = 0
    """Revenue of the reversed posting itself that is undone."""
    returned: list[tuple[int, int]] = field(default_factory=list)
    """Grant and what it got back."""


@dataclass(slots=True)
class Returned:
    """What became of a charge that was taken off."""

    postings: list[Reversal] = field(default_factory=list)
    revenue_nanos: int = 0
    """Revenue of the usage that is undone."""
    expired: list[tuple[int, int]] = field(default_factory=list)
    """Grant and nano-USD of what came back to grants that have expired, and expires at once."""


@dataclass(slots=True)
class _Repaid:
    """What a grant repaid of overage or overdraft when it came, as far as that was not undone."""

    posting_id: int
    grant_id: int
    nanos: int
    revenue_nanos: int


class Returning:
    """Gives back to one account, whose state row is locked. `grants` are known ones by id; more may be added."""

    def __init__(self, connection: Connection, state: AccountState, known: dict[int, Grant], now: datetime) -> None:
        self.changed: dict[int, Grant] = {}
        self._connection = connection
        self._state = state
        self._known = known
        self._now = now
        self._repaid: list[_Repaid] | None = None

    def give(self, parts: Iterable[Part]) -> Returned:
        """Give back the parts of a charge in the order given, which is the reverse of the order burned."""
        back = Returned()
        reversals: dict[int, Reversal] = {}

        def reversal(posting_id: int) -> Reversal:
            if posting_id not in reversals:
                reversals[posting_id] = Reversal(posting_id)
                back.postings.append(reversals[posting_id])
            return reversals[posting_id]

        for part in parts:
            own = reversal(part.posting_id)
            if part.grant_id is not None:
                own.nanos += part.nanos
                back.revenue_nanos += self._return(part.grant_id, part.nanos, own, back)
                continue
            if part.met_by == "owed":
                open_nanos = min(self._state.owed_nanos, part.nanos)
                self._state.owed_nanos -= open_nanos
                # Overage was earned when it was used, whoever repaid it since.
                back.revenue_nanos += part.nanos
            else:
                open_nanos = min(self._state.overdraft_nanos, part.nanos)
                self._state.overdraft_nanos -= open_nanos
            own.nanos += open_nanos
            rest = part.nanos - open_nanos
            if rest:
                for repaid, some in self._undo_repayments(rest, overdraft=part.met_by == "overdraft"):
                    other = reversal(repaid.posting_id)
                    other.nanos += some
                    share = self._return(repaid.grant_id, some, other, back)
                    if part.met_by == "overdraft":
                        earned = min(share, repaid.revenue_nanos)
                        repaid.revenue_nanos -= earned
                        other.revenue_nanos += earned
        back.postings = [one for one in back.postings if one.nanos]
        return back

    def _return(self, grant_id: int, nanos: int, reversal: Reversal, back: Returned) -> int:
        """Give credit back to a grant; returns what using it had earned, which telescopes as in a debit."""
        grant = self._known[grant_id]
        used = grant.face_nanos - grant.remaining_nanos
        earned = share_of(used - nanos, used, grant.face_nanos, grant.paid_nanos)
        reversal.returned.append((grant_id, nanos))
        if grant.expires_at is not None and grant.expires_at <= self._now:
            back.expired.append((grant_id, nanos))
        else:
            grant.remaining_nanos += nanos
            self.changed[grant_id] = grant
        return earned

    def _undo_repayments(self, nanos: int, *, overdraft: bool) -> list[tuple[_Repaid, int]]:
        """Which grants repaid it, the last first; those that earned by it are the ones that repaid overdraft."""
        found = []
        repaid = self._read_repaid()
        for one in sorted(repaid, key=lambda one: (bool(one.revenue_nanos) is not overdraft, -one.posting_id)):
            some = min(one.nanos, nanos)
            if some:
                one.nanos -= some
                nanos -= some
                found.append((one, some))
        if nanos:
            raise BadCorrectionError(
                f"the ledger of account {self._state.account_id} does not tell who repaid what is given back;"
                " run `ratecard doctor --ledger`"
            )
        return found

    def _read_repaid(self) -> list[_Repaid]:
        if self._repaid is None:
            row = ledger_postings.c
            query = select(row.id, row.burned, row.revenue_nanos).where(
                NO_DEBIT, row.account_id == self._state.account_id, row.kind.in_(("grant", "purchase"))
            )
            found = {}
            for number, burned, revenue in self._connection.execute(query):
                if burned:
                    found[number] = _Repaid(number, burned[0][0], sum(nanos for _, nanos in burned), revenue)
            undone = select(row.reverses, row.burned, row.revenue_nanos).where(
                NO_DEBIT, row.account_id == self._state.account_id, row.reverses.is_not(None)
            )
            for number, burned, revenue in self._connection.execute(undone):
                if number in found and burned and burned[0][1] < 0:
                    found[number].nanos += sum(nanos for _, nanos in burned)
                    found[number].revenue_nanos += revenue
            self._repaid = list(found.values())
            self._add_grants([one.grant_id for one in self._repaid])
        return self._repaid

    def _add_grants(self, numbers: list[int]) -> None:
        table = grants.c
        columns = [table[name] for name in Grant.__slots__]
        missing = [number for number in numbers if number not in self._known]
        if missing:
            for row in self._connection.execute(select(*columns).where(table.id.in_(missing))):
                self._known[row.id] = Grant(*row)


__all__ = ["Returned", "Returning", "Reversal"]

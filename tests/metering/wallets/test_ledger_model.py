"""Random lives of an account on a real database, against a plain model of them in exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from metering.accounts.accounts import account_id
from metering.analytics import Period, totals
from metering.corrections.corrections import correct
from metering.errors import BadCorrectionError
from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.grants import PRIORITIES, expire_grants
from metering.wallets.ledger import imbalances
from metering.wallets.proof import flaws
from metering.wallets.transactions import read_grants
from schema.database import reading, writing
from schema.tables import account_state, event_keys
from tests.metering.rate_card import NOW, Clock

HOUR = timedelta(hours=1)
PER_TOKEN = 12_000
"""Nano-USD that a unit of output is charged."""
_accounts = count()


@dataclass
class Credit:
    """A grant of the model."""

    number: int
    key: str
    kind: str
    face: Fraction
    paid: Fraction
    left: Fraction
    starts: datetime
    ends: datetime | None
    repaid: Fraction = Fraction(0)

    def is_open(self, at: datetime) -> bool:
        return self.starts <= at and (self.ends is None or at < self.ends)

    def order(self) -> tuple[int, float, int]:
        return PRIORITIES[self.kind], self.ends.timestamp() if self.ends else float("inf"), self.number


@dataclass
class Call:
    """An event of the model: what it burned, in order; None stands for what is owed."""

    at: datetime
    burned: list[tuple[Credit | None, Fraction]] = field(default_factory=list)

    @property
    def charge(self) -> Fraction:
        return sum((nanos for _, nanos in self.burned), Fraction(0))


@dataclass
class Model:
    """An account as the documentation tells it. Everything is kept in fractions, nothing is rounded."""

    credits: list[Credit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    owed: Fraction = Fraction(0)
    revenue: Fraction = Fraction(0)

    @property
    def balance(self) -> Fraction:
        return sum((one.left for one in self.credits), Fraction(0)) - self.owed

    def give(
        self, key: str, kind: str, face: int, paid: int, starts: datetime, ends: datetime | None, now: datetime
    ) -> None:
        one = Credit(len(self.credits), key, kind, Fraction(face), Fraction(paid), Fraction(face), starts, ends)
        if kind != "plan" and one.is_open(now):
            one.repaid = min(self.owed, one.left)
            self.owed -= one.repaid
            one.left -= one.repaid
        self.credits.append(one)

    def charge(self, call: Call, nanos: int) -> None:
        rest = Fraction(nanos)
        for one in sorted(self.credits, key=Credit.order):
            if one.left and rest and one.is_open(call.at):
                some = min(one.left, rest)
                one.left -= some
                rest -= some
                self.revenue += one.paid * some / one.face
                call.burned.append((one, some))
        if rest:
            self.owed += rest
            self.revenue += rest
            call.burned.append((None, rest))

    def give_back(self, call: Call, nanos: int, now: datetime) -> None:
        rest = Fraction(nanos)
        while rest:
            one, whole = call.burned.pop()
            some = min(whole, rest)
            rest -= some
            if some < whole:
                call.burned.append((one, whole - some))
            if one is not None:
                self.revenue -= one.paid * some / one.face
                self._put(one, some, now)
                continue
            self.revenue -= some
            from_owed = min(self.owed, some)
            self.owed -= from_owed
            some -= from_owed
            for repaying in reversed(self.credits):
                part = min(repaying.repaid, some)
                repaying.repaid -= part
                some -= part
                self._put(repaying, part, now)
            assert not some

    def _put(self, one: Credit, nanos: Fraction, now: datetime) -> None:
        if one.ends is None or now < one.ends:
            one.left += nanos

    def free(self, one: Credit, now: datetime) -> Fraction:
        if one.ends is not None and one.ends <= now:
            return Fraction(0)
        closed = sum((other.left for other in self.credits if other is not one and not other.is_open(now)), Fraction(0))
        return max(Fraction(0), min(one.left, self.balance - closed))

    def expire(self, now: datetime) -> None:
        for one in self.credits:
            if one.ends is not None and one.ends <= now:
                one.left = Fraction(0)


TOKENS = st.integers(1, 1_000)
SHARE = st.integers(1, 8)
GIVE = st.tuples(
    st.just("give"),
    st.sampled_from(list(PRIORITIES)),
    st.integers(1, 9_000_000),
    st.integers(0, 9_000_000),
    st.integers(-1, 2),
    st.one_of(st.none(), st.integers(1, 5)),
)
USE = st.tuples(st.just("use"), TOKENS, st.integers(0, 3))
BATCH = st.tuples(st.just("batch"), st.lists(TOKENS, min_size=2, max_size=4), st.integers(0, 3))
REFUND = st.tuples(st.just("refund"), st.integers(0, 9), SHARE)
CORRECT = st.tuples(st.just("correct"), st.integers(0, 9), st.integers(-8, 8).filter(bool))
RETURN = st.tuples(st.just("return"), st.integers(0, 9), SHARE)
EXPIRE = st.tuples(st.just("expire"))
STEPS = st.lists(st.one_of(GIVE, USE, BATCH, REFUND, CORRECT, RETURN, EXPIRE), min_size=3, max_size=12)
RIVALS = st.sampled_from(list(PRIORITIES)).flatmap(
    lambda kind: st.lists(
        st.tuples(
            st.just("give"),
            st.just(kind),
            st.integers(5_000_000, 9_000_000),
            st.integers(0, 9_000_000),
            st.integers(-1, 0),
            st.one_of(st.none(), st.integers(4, 9)),
        ),
        min_size=2,
        max_size=3,
    )
)
"""Grants of one kind, each worth many calls, so that expiry and age decide between them."""


class Life:
    """One account, lived on the database and in the model at once."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self.meter, self.clock = meter, clock
        self.name = f"life-{next(_accounts)}"
        self.model = Model()
        self.keys = count()
        self.rounded = 0
        clock.moment = NOW
        meter.wallets.grant(self.name, "promo", key="begin", usd="0.000000001")
        self.model.give("begin", "promo", 1, 0, NOW, None, NOW)

    def give(self, kind: str, face: int, paid: int, starts: int, lasts: int | None) -> None:
        now = self.clock.moment
        begin = now + starts * HOUR
        end = None if lasts is None else begin + lasts * HOUR
        paid = paid if kind == "purchase" else 0
        key = f"g{next(self.keys)}"
        self.meter.wallets.grant(
            self.name, kind, key=key, usd=_usd(face), paid=_usd(paid), starts_at=begin, expires_at=end
        )
        self.model.give(key, kind, face, paid, begin, end, now)

    def use(self, tokens: int, ago: int) -> None:
        self.batch([tokens], ago)

    def batch(self, tokens: list[int], ago: int) -> None:
        """Calls of one transaction, each an hour later than the one before as far as time went."""
        usages = []
        for index, some in enumerate(tokens):
            at = self.clock.moment - max(0, ago - index) * HOUR
            units = {"output": some}
            event_id = f"e{len(self.model.calls)}"
            usages.append(
                Usage(event_id=event_id, account=self.name, provider="openai", model="gpt", units=units, occurred_at=at)
            )
            self.model.calls.append(Call(at))
            self.model.charge(self.model.calls[-1], some * PER_TOKEN)
        self.meter.record_many(usages)

    def refund(self, index: int, eighths: int) -> None:
        if index < len(self.model.calls):
            call = self.model.calls[index]
            nanos = int(call.charge) * eighths // 8
            if nanos:
                key = f"k{next(self.keys)}"
                self.meter.wallets.refund_usage(self.name, f"e{index}", key=key, usd=_usd(nanos))
                self.model.give_back(call, nanos, self.clock.moment)

    def correct(self, index: int, eighths: int) -> None:
        if index >= len(self.model.calls):
            return
        call = self.model.calls[index]
        nanos = int(call.charge) * eighths // 8 if eighths < 0 else eighths * 700_001
        with writing(self.meter.engine) as connection:
            number = account_id(connection, self.name)
            key = event_keys.c
            usage_id = connection.execute(
                select(key.usage_id).where(key.account_id == number, key.event_id == f"e{index}")
            ).scalar_one()
            correct(
                connection,
                usage_id,
                cost_delta_nanos=0,
                charge_delta_nanos=nanos,
                key=f"k{next(self.keys)}",
                reason="rerate",
                book=self.meter.book,
                now=self.clock.moment,
            )
        if nanos > 0:
            self.model.charge(call, nanos)
        else:
            self.model.give_back(call, -nanos, self.clock.moment)

    def give_up(self, index: int, eighths: int) -> None:
        bought = [one for one in self.model.credits if one.kind == "purchase"]
        if index >= len(bought):
            return
        one = bought[index]
        nanos = int(self.model.free(one, self.clock.moment)) * eighths // 8
        try:
            key = f"k{next(self.keys)}"
            self.meter.wallets.refund_purchase(self.name, one.key, key=key, usd=_usd(nanos))
            one.left -= nanos
        except BadCorrectionError:
            assert not nanos

    def expire(self) -> None:
        with writing(self.meter.engine) as connection:
            expire_grants(connection, self.clock.moment)
        self.model.expire(self.clock.moment)

    def compare(self) -> None:
        """The database says what the model says; revenue to the nano-dollar that each step may round."""
        model = self.model
        with reading(self.meter.engine) as connection:
            number = account_id(connection, self.name)
            row = connection.execute(select(account_state).where(account_state.c.account_id == number)).one()
            held = {one.key: one.remaining_nanos for one in read_grants(connection, number)}
            earned = totals(connection, Period(None, None), {"account": self.name}).revenue_nanos
        assert (row.balance_nanos, row.owed_nanos, row.overdraft_nanos) == (model.balance, model.owed, 0)
        assert {one.key: one.left for one in model.credits} == held
        assert abs(earned - model.revenue) <= len(model.credits) + self.rounded


def _usd(nanos: int) -> str:
    return f"{nanos // 10**9}.{nanos % 10**9:09d}"


@given(rivals=RIVALS, steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_life_agrees_with_the_model(
    meter: Meter, clock: Clock, card: Engine, rivals: list[Any], steps: list[Any]
) -> None:
    life = Life(meter, clock)
    acts: dict[str, Callable[..., None]] = {
        "give": life.give,
        "use": life.use,
        "batch": life.batch,
        "refund": life.refund,
        "correct": life.correct,
        "return": life.give_up,
        "expire": life.expire,
    }
    for name, *values in rivals + steps:
        acts[name](*values)
        life.rounded += 4
        life.compare()
        clock.forward(hours=1)
    with reading(card) as connection:
        assert imbalances(connection) == []
        assert list(flaws(connection)) == []

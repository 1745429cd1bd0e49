"""Writes the demo to a database: a year of customers, their credit, and every call of the traces, in the order of time.

All of it goes through the runtime, as a product would use it. Every step has a key of its own, so that a demo that was
interrupted is completed by the next one, and a complete one is left as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, func, insert, select

from metering.accounts.accounts import create_account
from metering.book.ratebook import RateBook
from metering.meter import Meter
from metering.subscriptions.periods import months
from metering.subscriptions.subscriptions import grant_periods, subscribe, subscriptions_of
from metering.usage import Usage
from metering.wallets.grants import expire_grants
from schema.database import writing
from schema.money import usd
from schema.tables import accounts, meta
from sync.demo.calls import Casting
from sync.demo.customers import Customer, Rungs, customers, packs_by_size
from sync.demo.traces import read_traces
from sync.errors import RefusedError

ANCHOR, DONE = "demo_anchor", "demo_done"
"""Keys of `meta`: the moment at which the demo's 90 days end, and that all of it is written."""

_DAY = timedelta(days=1)

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What a demo consists of."""

    anchor: datetime
    accounts: int
    calls: int
    added: bool
    """Whether anything was written now."""


class _Clock:
    """The clock of the story: it goes on from day to day."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def find_anchor(connection: Connection) -> datetime | None:
    """When the 90 days of the demo in a database end; None when it holds none.

    Raises RefusedError for a database with accounts that are not the demo's: it is somebody's.
    """
    found = connection.execute(select(meta.c.value).where(meta.c.key == ANCHOR)).scalar()
    if found is not None:
        return datetime.fromisoformat(found)
    if connection.execute(select(func.count()).select_from(accounts)).scalar_one():
        raise RefusedError(
            "DEMO_DATABASE", "the database holds accounts that are not the demo's; name an empty one with --database"
        )
    return None


def write_demo(engine: Engine, url: str, *, now: datetime, say: Say, progress: Progress) -> Written:
    """Write what is missing of the demo to a database with a release. `now` is where a new demo's 90 days end."""
    with writing(engine) as connection:
        anchor = find_anchor(connection)
        if anchor is None:
            anchor = now
            connection.execute(insert(meta).values(key=ANCHOR, value=anchor.isoformat()))
        done = connection.execute(select(meta.c.value).where(meta.c.key == DONE)).scalar()
    clock = _Clock(now)
    with Meter.open(url, now=clock, listed=False) as meter:
        book = meter.book
        told = customers(Rungs.of(book.plans, book.settings.default_plan))
        if done is not None:
            return Written(anchor, len(told), int(done), added=False)
        casting = Casting(book, told, anchor)
        called: dict[date, list[Usage]] = defaultdict(list)
        for call in read_traces():
            called[casting.moment(call).date()].append(casting.usage(call))
        subscriptions = sum(len(customer.steps) for customer in told)
        say(f"{len(told)} accounts, {subscriptions} subscriptions over twelve months")
        calls = _tell(meter, clock, told, called, anchor, progress)
        # What time alone has changed by then, such as trials that are over.
        clock.moment = anchor
        meter.accounts.renew()
    with writing(engine) as connection:
        connection.execute(insert(meta).values(key=DONE, value=str(calls)))
    return Written(anchor, len(told), calls, added=True)


def _tell(
    meter: Meter,
    clock: _Clock,
    told: Sequence[Customer],
    called: Mapping[date, list[Usage]],
    anchor: datetime,
    progress: Progress,
) -> int:
    """Day by day: subscriptions begin, credit arrives, calls are recorded, what is left of expired credit goes."""
    book = meter.book
    packs = packs_by_size(book.packs)
    bought: dict[date, list[tuple[Customer, int, str]]] = defaultdict(list)
    for customer in told:
        for days, size in customer.purchases:
            if size in packs:
                bought[customer.moment(anchor, days).date()].append((customer, days, size))
    calls = sum(map(len, called.values()))
    busy = _busy_days(told, anchor)
    done = 0
    for day in sorted(busy.keys() | called.keys() | bought.keys()):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        clock.moment = min(midnight + _DAY - timedelta(microseconds=1), anchor)
        if busy.get(day):
            with writing(meter.engine) as connection:
                for customer in busy[day]:
                    _subscribe(connection, book, customer, anchor, until=clock.moment)
        for customer, days, size in bought.get(day, ()):
            pack = packs[size]
            meter.wallets.grant(
                customer.account,
                "purchase",
                key=f"demo:{days}:{pack.name}",
                credits=pack.credits,
                paid=usd(pack.price_nanos),
                starts_at=customer.moment(anchor, days),
                note=f"pack {pack.name}",
            )
        if day in called:
            done += len(meter.record_many(called[day]))
            progress(done, calls)
        with writing(meter.engine) as connection:
            expire_grants(connection, now=clock.moment)
    return done


def _busy_days(told: Sequence[Customer], anchor: datetime) -> dict[date, list[Customer]]:
    """The days on which a customer's subscription begins, or a month of it."""
    busy: dict[date, list[Customer]] = defaultdict(list)
    for customer in told:
        begins = [customer.moment(anchor, step.days) for step in customer.steps]
        for begin, end in zip(begins, [*begins[1:], anchor], strict=True):
            for start, _ in months(begin, end):
                busy[start.date()].append(customer)
    return busy


def _subscribe(
    connection: Connection, book: RateBook, customer: Customer, anchor: datetime, *, until: datetime
) -> None:
    """Everything of a customer's subscriptions that has come by a moment, with the credit of each month."""
    default = book.settings.default_plan
    number = create_account(connection, customer.account, plan=default, now=customer.joined(anchor), name=customer.name)
    known = {one.started_at for one in subscriptions_of(connection, [number])[number]}
    for step in customer.steps:
        begin = customer.moment(anchor, step.days)
        if begin > until or begin in known:
            continue
        plan = book.plans[step.plan]
        fee = step.agreed_nanos if plan.monthly_nanos is None else None
        cycle = step.cycle if fee is not None or plan.annual_nanos is not None else "monthly"
        subscribe(connection, number, plan, cycle, begin, now=until, fee_nanos=fee, trial=step.trial)
    grant_periods(connection, number, book.plans, until=until, now=until)

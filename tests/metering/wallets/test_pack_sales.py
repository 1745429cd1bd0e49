"""Packs sold, from what was granted."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from metering.meter import Meter
from metering.wallets.pack_sales import PackSales, pack_sales
from schema.database import reading
from tests.metering.rate_card import NOW, Clock

DAY = timedelta(days=1)


def test_packs_are_counted_by_name_from_a_moment_on(meter: Meter, clock: Clock) -> None:
    meter.wallets.buy("acct-1", "Starter", key="one")
    meter.wallets.buy("acct-2", "Starter", key="two", paid="4.50")
    meter.wallets.buy("acct-2", "Starter", key="two", paid="4.50")
    meter.wallets.grant("acct-1", "purchase", key="by hand", usd=Decimal(9), paid=Decimal(9), note="a gift card")
    meter.wallets.grant("acct-1", "promo", key="promotion", usd=Decimal(9), note="pack Starter")
    price = meter.book.packs["Starter"].price_nanos

    clock.moment += DAY
    meter.wallets.buy("acct-1", "Starter", key="three")

    with reading(meter.engine) as connection:
        assert pack_sales(connection) == [PackSales("Starter", 3, 2 * price + 4_500_000_000)]
        assert pack_sales(connection, NOW + DAY) == [PackSales("Starter", 1, price)]
        assert pack_sales(connection, NOW + 2 * DAY) == []

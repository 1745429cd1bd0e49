"""The Credit packs page, and what packs cost a credit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from dashboard.configuration.pack_prices import (
    PackPrice,
    amount_text,
    dearest,
    discount,
    discount_text,
    sales_words,
)
from dashboard.formats import literal
from metering.meter import Meter
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

STARTER = {"price_nanos": 5 * 10**9, "currency": "USD", "credits": 50_000, "active": True}
GROWTH = {"price_nanos": 15 * 10**9, "currency": "USD", "credits": 175_000, "active": True}
EURO = {"price_nanos": 4 * 10**9, "currency": "EUR", "credits": 50_000, "active": True}
EMPTY = {"price_nanos": 4 * 10**9, "currency": "USD", "credits": 0, "active": True}


def test_prices_a_credit_are_exact() -> None:
    assert PackPrice.of(GROWTH).per_credit == Fraction(15 * 10**9, 175_000)
    assert PackPrice.of(GROWTH).shown == "0.0857 USD"
    assert PackPrice.of(EMPTY).shown == "—"
    assert PackPrice.of(GROWTH).face_nanos(10_000) == 17_500_000_000
    assert amount_text(1_234_500_000_000, "ZAR") == "1,234.50 ZAR"


def test_discounts_are_against_the_dearest_pack_of_the_currency() -> None:
    highest = dearest([STARTER, GROWTH, EURO, EMPTY, GROWTH | {"credits": 1, "active": False}])

    assert highest == {"USD": Fraction(100_000), "EUR": Fraction(80_000)}
    assert discount(PackPrice.of(GROWTH), highest) == Decimal("14.3")
    assert discount(PackPrice.of(STARTER), highest) == 0
    assert discount(PackPrice.of(EMPTY), highest) is None
    assert [discount_text(found) for found in (None, Decimal(0), Decimal("14.3"))] == ["—", "none", "14.3%"]


def test_sales_are_told_at_the_price_now_and_at_another() -> None:
    starter, growth = PackPrice.of(STARTER), PackPrice.of(GROWTH)
    dearer = PackPrice.of(STARTER | {"price_nanos": 6 * 10**9})
    assert sales_words(4, 30, starter, dearer, 10_000) == (
        "4 sold in the last 30 days: 20.00 USD at the price now, 24.00 USD at this one, for 20.00 USD of usage."
    )
    assert sales_words(2, 30, starter, growth, 10_000) == (
        "2 sold in the last 30 days: 10.00 USD at the price now, 30.00 USD at this one; for 10.00 USD of usage now,"
        " 35.00 USD then."
    )
    assert sales_words(1, 30, starter, None, 10_000) == (
        "1 sold in the last 30 days: 5.00 USD at the price now, for 5.00 USD of usage."
    )
    assert sales_words(0, 30, starter, None, 10_000) == "None was sold in the last 30 days."


def test_the_page_tells_what_was_sold(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    with Meter.open(seeded.url) as meter:
        meter.wallets.buy("acct-0001", "Growth", key="one")
        meter.wallets.buy("=cmd()", "Growth", key="two")

    app = open_app(seeded, "packs")

    assert not app.exception
    assert metrics(app) == {
        "Packs on sale": "2",
        "Sold this month": "2",
        "Paid this month": "$30.00",
        "Deepest discount": "14.3%",
    }
    first, second = table(app, 0)
    assert [first["Pack"], second["Pack"]] == ["Starter", "Growth"]
    assert [first["Sold ever"], second["Sold ever"], second["Paid ever, USD"]] == [0, 2, 30.0]
    assert second["1,000 credits"] == "0.0857 USD"
    app = open_app(seeded, "packs", pack="Growth")
    labelled(app.text_input, "Price").set_value("14").run()
    words = sales_words(2, 90, PackPrice.of(GROWTH), PackPrice.of(GROWTH | {"price_nanos": 14 * 10**9}), 10_000)
    assert [literal(words) in line.value for line in app.markdown].count(True) == 1


def test_an_edit_shows_what_it_comes_to_and_becomes_a_commit(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    app = open_app(seeded, "packs", pack="Growth")

    labelled(app.text_input, "Price").set_value("14").run()

    assert metrics(app)["1,000 credits"] == "0.08 USD"
    assert metrics(app)["Discount"] == "20%"
    assert "+    price: 14" in diff(app)

    labelled(app.button, "Propose").click().run()

    assert "price: 14" in git(seeded.repository, "diff", "main..ratecard/set-the-price-of-pack-growth-to-14")


def test_packs_come_and_go(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "packs", pack_action="New")
    labelled(app.text_input, "Name of the new pack").set_value("Mega").run()
    labelled(app.text_input, "Price").set_value("100").run()
    labelled(app.text_input, "Credits").set_value("1500000").run()

    added = diff(app)
    assert "+  Mega:\n+    price: 100\n+    credits: 1500000" in added
    assert "currency" not in added.split("+  Mega:")[1]

    app = open_app(seeded, "packs", pack="Growth", pack_action="Remove")
    assert "-  Growth:" in diff(app)


def test_a_value_that_is_no_price_is_told_and_not_proposed(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "packs", pack="Growth")

    labelled(app.text_input, "Price").set_value("cheap").run()

    assert any("credit" in line.value and "yaml" in line.value for line in app.markdown)
    assert labelled(app.button, "Propose").disabled

"""Fixtures of the runtime: a database with a small rate card, a clock, and a meter on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from metering.wallets.ledger import imbalances
from metering.wallets.proof import flaws
from schema.database import reading
from tests.databases import Fill
from tests.metering.rate_card import Clock, apply_card


@pytest.fixture
def clock() -> Clock:
    """A clock at `NOW`."""
    return Clock()


@pytest.fixture
def fill(request: pytest.FixtureRequest) -> Fill | None:
    """The small rate card, for tests of `card`."""
    return apply_card if "card" in request.fixturenames else None


@pytest.fixture
def card(engine: Engine) -> Engine:
    """An engine on a database to which the small rate card has been applied."""
    return engine


@pytest.fixture
def meter(card: Engine, clock: Clock, migrated_url: str) -> Iterator[Meter]:
    """A meter on the small rate card; it hears of releases when it looks for them, at moments that a test knows."""
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


@pytest.fixture
def ledger_agrees(request: pytest.FixtureRequest, card: Engine) -> Iterator[None]:
    """After the test the ledger agrees with balances, grants and events, unless its name tells of edited rows."""
    yield
    if "edited" in request.node.name:
        return
    with reading(card) as connection:
        assert imbalances(connection) == []
        assert list(flaws(connection)) == []

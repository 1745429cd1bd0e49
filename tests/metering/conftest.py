"""Fixtures of the runtime: a database with a small rate card, a clock, and a meter on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from metering.wallets.ledger import imbalances
from metering.wallets.proof import flaws
from schema.database import reading
from tests.metering.rate_card import ROWS, Clock, apply_rows


@pytest.fixture
def clock() -> Clock:
    """A clock at `NOW`."""
    return Clock()


@pytest.fixture
def card(engine: Engine) -> Engine:
    """An engine on a database to which the small rate card has been applied."""
    apply_rows(engine, ROWS)
    return engine


@pytest.fixture
def meter(card: Engine, clock: Clock, migrated_url: str) -> Iterator[Meter]:
    """A meter on the small rate card."""
    with Meter.open(migrated_url, now=clock) as meter:
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

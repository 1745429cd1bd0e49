from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.corrections.unwinding import MET_BY, Burn, Part, play_again, unwind
from metering.wallets.wallet import AccountState, Grant, Wallet
from tests.metering.rate_card import NOW


def grant(number: int, kind: str, face: int, hours: tuple[int, int] = (0, 100), priority: int = 20) -> Grant:
    start, end = (NOW + timedelta(hours=some) for some in hours)
    return Grant(number, 1, kind, face, 0, face, priority, start, end)


def test_the_end_of_a_charge_comes_off_first() -> None:
    parts = [Part("included", 1, 5, 9), Part("purchased", 2, 3, 9), Part("owed", None, 2, 9)]
    assert unwind(parts, 4) == (
        [Part("included", 1, 5, 9), Part("purchased", 2, 1, 9)],
        [Part("owed", None, 2, 9), Part("purchased", 2, 2, 9)],
    )
    assert unwind(parts, 10) == ([], parts[::-1])
    assert unwind(parts, 0) == (parts, [])
    with pytest.raises(ValueError, match="more is given back than was taken"):
        unwind(parts, 11)


def test_a_grant_whose_end_was_moved_since_is_still_the_one_that_was_burned() -> None:
    shortened = grant(1, "promo", 5, hours=(0, 1))
    event = Burn(7, NOW + timedelta(hours=2), {"promotional": 5})
    assert play_again([event], [[1, 5]], {1: shortened}) == {7: [(shortened, 5)]}


def test_records_that_do_not_fit_together_leave_parts_missing() -> None:
    one = grant(1, "promo", 5)
    assert play_again([Burn(7, NOW, {"promotional": 5})], [[1, 4]], {1: one}) == {7: [(one, 4)]}
    assert play_again([Burn(7, NOW, {"included": 5})], [[1, 5]], {1: one}) == {7: []}


MOMENT = st.integers(0, 20)
GRANTS = st.lists(
    st.tuples(st.sampled_from(list(MET_BY)), st.integers(1, 40), MOMENT, st.integers(1, 20), st.integers(0, 2)),
    max_size=5,
)


@given(made=GRANTS, charges=st.lists(st.tuples(st.integers(0, 50), MOMENT), max_size=8))
def test_playing_a_posting_again_tells_what_each_event_burned(
    made: list[tuple[str, int, int, int, int]], charges: list[tuple[int, int]]
) -> None:
    """Every event of one transaction, charged one after another, against what each of them took by itself."""
    grants = {
        number: grant(number, kind, face, (start, start + lasting), priority)
        for number, (kind, face, start, lasting, priority) in enumerate(made, start=1)
    }
    wallet = Wallet(AccountState(1, 0, 0, 0, "free", NOW, NOW.date(), 0, 0, NOW.date(), 0, None), grants.values())
    events, truth = [], {}
    for number, (charge, hour) in enumerate(charges):
        at: datetime = NOW + timedelta(hours=hour)
        before = dict(wallet.burned)
        met = wallet.debit(charge, at, observe=False)
        events.append(
            Burn(
                number,
                at,
                {
                    "included": met.included_nanos,
                    "promotional": met.promotional_nanos,
                    "purchased": met.purchased_nanos,
                },
            )
        )
        truth[number] = {
            grant_id: nanos - before.get(grant_id, 0)
            for grant_id, nanos in wallet.burned.items()
            if nanos > before.get(grant_id, 0)
        }
    played = play_again(events, [list(pair) for pair in wallet.burned.items()], grants)
    assert {number: {one.id: nanos for one, nanos in parts} for number, parts in played.items()} == truth

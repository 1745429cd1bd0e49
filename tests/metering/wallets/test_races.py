"""Everything that moves credit, by many threads at once on one wallet: nothing is lost, nothing happens twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy import Engine, select

from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from metering.wallets.proof import flaws
from schema.database import reading
from schema.tables import account_state, ledger_postings, usage_adjustments

ACCOUNT = "acct-0001"


def test_no_change_of_a_balance_is_lost(meter: Meter, card: Engine) -> None:
    """Polar adds to a balance in the program, without a lock: of two at once, one is lost."""
    wallets = meter.wallets

    def use(event_id: str) -> None:
        meter.record(
            Usage(event_id=event_id, account=ACCOUNT, provider="openai", model="gpt", units={"output": 250_000})
        )

    for number in range(12):
        use(f"old-{number}")
    acts: list[Callable[[], Any]] = []
    for number in range(12):
        acts += [
            partial(wallets.grant, ACCOUNT, "promo", key=f"g{number}", usd=2),
            partial(wallets.buy, ACCOUNT, "Starter", key=f"p{number}"),
            partial(use, f"new-{number}"),
            partial(wallets.refund_usage, ACCOUNT, f"old-{number}", key="r", usd=1),
        ]
    # Each is sent twice, as a client does that lost the answer.
    sent = acts * 2
    random.Random(1).shuffle(sent)
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(act) for act in sent]:
            done.result()
    # 24 calls of 3, and 12 times: 2 given, 5 bought, 1 refunded.
    assert meter.balance(ACCOUNT).balance == -24 * 3 + 12 * (2 + 5 + 1)
    with reading(card) as connection:
        assert imbalances(connection) == []
        assert list(flaws(connection)) == []
        assert len(connection.execute(select(usage_adjustments.c.id)).all()) == 12
        kinds = Counter(connection.execute(select(ledger_postings.c.kind)).scalars())
        assert connection.execute(select(account_state.c.overdraft_nanos)).scalar_one() == 0
    # A refund whose overage was repaid meanwhile has a posting for each grant that repaid it.
    assert kinds.pop("refund") >= 12
    assert kinds == {"debit": 24, "grant": 12, "purchase": 12}

"""Recording over HTTP."""

from __future__ import annotations

from tests.metering.api.conftest import Api

EVENT = {"event_id": "e-1", "provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


def test_an_event_is_charged_once(api: Api) -> None:
    first = api.post("/v1/events", EVENT)
    assert first.status == 200, first.text
    # 1,000 x 0.80 + 500 x 4.00 per million, three times.
    assert first.json == {
        "event_id": "e-1",
        "status": "priced",
        "charge_usd": "0.0084",
        "cost_usd": "0.0028",
        "balance_usd": "-0.0084",
        "price": "anthropic/haiku@2026-06-01",
        "release": {"id": 1, "commit": "0123456789abcdef0123456789abcdef01234567", "label": None},
        "duplicate": False,
    }
    again = api.post("/v1/events", EVENT)
    assert again.json == first.json | {"duplicate": True}

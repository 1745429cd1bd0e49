from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from schema.database import reading, writing
from schema.tables import audit_log
from sync import bulk


def test_values_of_every_type_come_back_as_they_were(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    moment = datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
    rows = [
        {
            "at": moment,
            "actor": f'Zoë\'s "desk" \\ {number} \N{SNOWMAN}',
            "action": "test",
            "target": "line one\nline two\ttabbed",
            "before": None,
            "after": {"rate": 10**18 + number, "text": "é", "list": [1, None, True], "empty": {}},
        }
        for number in range(5)
    ]
    with writing(engine) as connection:
        bulk.insert_rows(connection, audit_log, rows)
        bulk.insert_rows(connection, audit_log, [])
    columns = [audit_log.c[name] for name in rows[0]]
    with reading(engine) as connection:
        found = [dict(row) for row in connection.execute(select(*columns).order_by(audit_log.c.id)).mappings()]
    assert found == rows

"""What a table holds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row, Table, select

from schema.database import reading


def rows(engine: Engine, table: Table) -> list[Row[Any]]:
    """The rows of a table in the order of their ids."""
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))

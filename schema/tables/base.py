"""Column types and naming that all tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Dialect, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Identity = BigInteger().with_variant(Integer(), "sqlite")
"""A surrogate key that the database counts up (SQLite counts only INTEGER)."""

Nanos = BigInteger()
"""Whole nano-USD."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, text of fixed width (so that it sorts) on SQLite."""

    impl = String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the column in a dialect."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(26))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times: every moment states its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """An aware moment in UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value
            return moment.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


@lru_cache(maxsize=256)  # the rows of one transaction share their moments
def utc_text(moment: datetime) -> str:
    """A moment as SQLite stores it: `YYYY-MM-DD HH:MM:SS.ffffff`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]


def identity() -> Column[int]:
    """The column `id`."""
    return Column("id", Identity, primary_key=True, autoincrement=True)


def one_of(name: str, values: tuple[str, ...]) -> str:
    """The text of a check that a column holds one of `values`."""
    return f"{name} IN ({', '.join(repr(value) for value in values)})"


def at_least_zero(*names: str) -> str:
    """The text of a check that columns are not negative."""
    return " AND ".join(f"{name} >= 0" for name in names)

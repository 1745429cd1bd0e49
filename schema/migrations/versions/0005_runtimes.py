"""Which meters run, and which release each serves.

The table as it was at this step, frozen: later steps alter it, this one stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schema.tables.base import Identity, UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "runtimes",
        sa.Column("runtime_id", sa.String(32), nullable=False, comment="random, of one meter in one process"),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False, comment="of Ratecard"),
        sa.Column("release_id", Identity, nullable=False, comment="the release that its rate book is of"),
        sa.Column(
            "edits", sa.BigInteger, nullable=False, comment="of the database past any release, as its book knows them"
        ),
        sa.Column("max_age_seconds", sa.BigInteger, nullable=False, comment="how old its book may be"),
        sa.Column(
            "confirmed_at", UtcTime, nullable=False, comment="when its book was known to be the newest, by its clock"
        ),
        sa.Column("started_at", UtcTime, nullable=False, comment="by its clock"),
        sa.Column("clock_at", UtcTime, nullable=False, comment="what its clock said at seen_at"),
        sa.Column("seen_at", UtcTime, nullable=False, comment="by the database's clock, where that has one"),
        sa.PrimaryKeyConstraint("runtime_id", name="pk_runtimes"),
        comment="meters that run, as they tell of themselves; rows may be removed",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("runtimes")

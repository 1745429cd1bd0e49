"""What PostgreSQL should know of the columns that sums of usage are grouped by.

A model has one provider, and an account few plans. Taken as independent, the groups of a day look so many that each
process sorts its events first; known to be few, they are summed in a hash, in half the time. SQLite has no such
statistics.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Have ANALYZE count the groups."""
    if op.get_bind().dialect.name == "postgresql":
        columns = "day, provider, model, plan, account_id"
        op.execute(f"CREATE STATISTICS st_usage_events_groups (ndistinct) ON {columns} FROM usage_events")


def downgrade() -> None:
    """Forget them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP STATISTICS st_usage_events_groups")

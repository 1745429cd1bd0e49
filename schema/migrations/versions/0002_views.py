"""Views for programs and people that read with SQL: the current configuration, and money in USD.

`current_TABLE` holds the rows of the last release. The views `*_usd` give dollars: exact numerics on PostgreSQL, REAL
on SQLite, which has no exact decimals; sum the `*_nanos` columns of the tables where each cent counts.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CONFIG_TABLES = (
    "providers",
    "models",
    "prices",
    "tasks",
    "routes",
    "plans",
    "credit_packs",
    "features",
    "run_units",
    "reasoning_levels",
    "exchange_rates",
    "settings",
    "access",
    "policy",
)


def upgrade() -> None:
    """Create every view."""
    for name, query in _views(op.get_bind().dialect.name).items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    """Drop every view, those that read others first."""
    for name in reversed(_views(op.get_bind().dialect.name)):
        op.execute(f"DROP VIEW {name}")


def _views(dialect: str) -> dict[str, str]:
    exact = dialect == "postgresql"

    def divided(column: str, power: int) -> str:
        # PostgreSQL multiplies numerics exactly; SQLite's nearest double comes from one division.
        return f"({column}) * {10**-power:.{power}f}" if exact else f"({column}) / {10**power}.0"

    def usd(column: str, name: str) -> str:
        return f"{divided(column, 9)} AS {name}"

    def rate(column: str, unit: str, power: int) -> str:
        return divided(f"({column}->>'{unit}')::numeric" if exact else f"json_extract({column}, '$.{unit}')", power)

    views = {f"current_{table}": f"SELECT * FROM {table} WHERE retired_release IS NULL" for table in CONFIG_TABLES}
    views["prices_usd"] = f"""
        SELECT p.provider, p.model, m.display_name, p.effective, p.in_force_from,
            {rate("p.rates", "input", 6)} AS input_per_million,
            {rate("p.rates", "output", 6)} AS output_per_million,
            {rate("p.rates", "cache_read", 6)} AS cache_read_per_million,
            {rate("p.rates", "cache_write", 6)} AS cache_write_per_million,
            {rate("p.rates", "image", 12)} AS per_image,
            {divided("p.margin_micros", 6)} AS margin,
            {rate("p.charge_rates", "input", 6)} AS charged_input_per_million,
            {rate("p.charge_rates", "output", 6)} AS charged_output_per_million,
            {divided("p.credits_micros", 6)} AS credits_multiplier,
            p.source_url, p.source_checked
        FROM current_prices p LEFT JOIN current_models m ON m.provider = p.provider AND m.model = p.model"""
    views["plans_usd"] = f"""
        SELECT plan, name, active, currency, {usd("monthly_nanos", "monthly")}, {usd("annual_nanos", "annual")},
            {usd("included_nanos", "included_usd")}, trial_days, access, overage, limits, features
        FROM current_plans"""
    views["accounts_usd"] = f"""
        SELECT a.id AS account_id, a.account, a.name, a.status, s.plan, a.created_at, s.last_event_at,
            {usd("s.balance_nanos", "balance_usd")}, {usd("s.owed_nanos", "owed_usd")},
            {usd("s.overdraft_nanos", "overdraft_usd")}
        FROM accounts a LEFT JOIN account_state s ON s.account_id = a.id"""
    views["postings_usd"] = f"""
        SELECT p.id AS posting_id, a.account, p.kind, {usd("p.amount_nanos", "amount_usd")},
            {usd("p.balance_nanos", "balance_usd")}, {usd("p.revenue_nanos", "revenue_usd")},
            p.occurred_at, p.recorded_at, p.note
        FROM ledger_postings p JOIN accounts a ON a.id = p.account_id"""
    # What re-rating changed belongs to the event, so that these sums agree with `ratecard usage`.
    views["usage_usd"] = f"""
        SELECT e.id AS usage_id, e.event_id, e.occurred_at, e.day, a.account, a.name AS account_name, e.user_id,
            e.provider, e.model, e.plan, e.task, e.feature, e.tool, e.tier, e.reasoning_level, e.status,
            e.input_units, e.output_units, e.cache_read_units, e.cache_write_units, e.cache_write_1h_units,
            e.reasoning_units, e.audio_input_units, e.audio_output_units, e.image_units, e.request_units,
            e.character_units, e.page_units, {divided("e.video_second_units", 6)} AS video_second_units,
            {divided("e.audio_minute_units", 6)} AS audio_minute_units,
            {divided("e.run_unit_units", 6)} AS run_unit_units,
            {usd("e.cost_nanos + COALESCE(j.cost_nanos, 0)", "cost_usd")},
            {usd("e.charge_nanos + COALESCE(j.charge_nanos, 0)", "charge_usd")},
            {usd("e.revenue_nanos + COALESCE(j.revenue_nanos, 0)", "revenue_usd")},
            e.release_id, r.commit_sha, e.price_id
        FROM usage_events e
        JOIN accounts a ON a.id = e.account_id
        JOIN releases r ON r.id = e.release_id
        LEFT JOIN (
            SELECT usage_id, SUM(cost_nanos) AS cost_nanos, SUM(charge_nanos) AS charge_nanos,
                SUM(revenue_nanos) AS revenue_nanos
            FROM usage_adjustments GROUP BY usage_id
        ) j ON j.usage_id = e.id"""
    return views

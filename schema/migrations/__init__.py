"""Alembic migrations, up and down, on SQLite and PostgreSQL."""

"""Alembic's environment: migrations run on the connection that `schema.database` hands over, in its transaction."""

from alembic import context

from schema.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
context.run_migrations()

"""What Alembic runs for every command: migrate on the connection that `upgrade` hands over."""

from alembic import context

from outcrop.storage.database.tables import load_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=load_tables(),
)
context.run_migrations()

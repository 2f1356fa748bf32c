"""Alembic's environment: it migrates on the connection that models/migrations/run.py opened."""

from alembic import context

from models.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # Partitions are made by ensure_partitions(), not by migrations.
    include_name=lambda name, kind, _parents: (
        not (kind == "table" and (name or "").startswith(("messages_", "events_")))
    ),
    transactional_ddl=True,
)
context.run_migrations()

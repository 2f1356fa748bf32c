"""Alembic's environment: it migrates on the connection that models/migrations/run.py opened."""

from alembic import context

from models.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_schemas=False,
    transactional_ddl=True,
    include_object=lambda item, name, kind, reflected, compare_to: (
        not (kind == "table" and reflected and "_y2" in (name or ""))
    ),
)
context.run_migrations()

"""Alembic migrations and the roles they need."""

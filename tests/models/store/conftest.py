"""The engine on real Postgres."""

from tests.support.fixtures import database, make_engine

__all__ = ["database", "make_engine"]

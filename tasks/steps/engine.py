"""The database of a flow run's process."""

from functools import cache

from models.session import Database, Role
from models.settings import Settings, load_settings


@cache
def flow_settings() -> Settings:
    """The settings, read when the flow first asks."""
    return load_settings()


@cache
def flow_database() -> Database:
    """Connections as exosend_engine, kept for the process."""
    return Database(flow_settings(), Role.ENGINE, pool_size=6, application_name="exosend-flow")

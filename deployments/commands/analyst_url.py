"""`exosend analyst-url`."""

from pathlib import Path

from deployments.connection import connected_settings
from models.session import Role, conninfo, role_url
from models.settings import load_settings


def analyst_url(*, data_dir: Path | None = None) -> None:
    """Print the database's address as exosend_analyst, with its password: it reads the schema `results`, all
    organizations', and nothing else.

    Parameters
    ----------
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = load_settings(data_dir=data_dir)
    if settings.analyst_database_url is None:
        settings = connected_settings(settings)
    print(conninfo(role_url(settings, Role.ANALYST)))

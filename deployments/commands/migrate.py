"""`exosend migrate`."""

from pathlib import Path

from deployments.connection import connected_settings
from models.migrations.run import head_revision, upgrade
from models.settings import load_settings


def migrate(*, data_dir: Path | None = None) -> None:
    """Bring the database to the schema of this version; harmless when it is there.

    Parameters
    ----------
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = connected_settings(load_settings(data_dir=data_dir))
    assert settings.database_url is not None
    upgrade(settings.database_url, settings)
    print(f"The database is at revision {head_revision()}.")

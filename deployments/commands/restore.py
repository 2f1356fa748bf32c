"""`exosend restore`."""

from pathlib import Path

from deployments.archive import restore as restore_backup
from models.settings import load_settings


def restore(file: Path, /, *, data_dir: Path | None = None) -> None:
    """Read a backup into a database that was never used, and bring it to this version.

    Put the secret key that belongs to the backup into the data folder first (secret.key), or set EXOSEND_SECRET_KEY.

    Parameters
    ----------
    file
        What `exosend backup` wrote.
    data_dir
        Folder of the stack, which must not run (EXOSEND_DATA_DIR, else .exosend); not used when
        EXOSEND_DATABASE_URL is set.
    """
    settings = load_settings(data_dir=data_dir)
    restore_backup(settings, file)
    print(f"Restored {file}. Start the stack with `exosend up`.")

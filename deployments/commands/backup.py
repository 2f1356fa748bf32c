"""`exosend backup`."""

from pathlib import Path

from deployments.archive import back_up
from models.settings import load_settings


def backup(file: Path, /, *, data_dir: Path | None = None) -> None:
    """Write the database to one file; also while the stack runs.

    Not in it: the secret key, of which you keep a copy elsewhere, and Prefect's history of flow runs.

    Parameters
    ----------
    file
        The file to write; an existing one is replaced.
    data_dir
        Folder of the stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = load_settings(data_dir=data_dir)
    size = back_up(settings, file)
    print(f"{file}: {size / 2**20:.1f} MiB")
    key = "EXOSEND_SECRET_KEY" if settings.secret_key else str(settings.data_dir / "secret.key")
    print(f"It is not whole without the secret key ({key}), of which you keep a copy in another place.")

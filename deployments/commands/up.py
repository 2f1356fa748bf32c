"""`exosend up`."""

from pathlib import Path

from deployments.stack import run_stack
from models.settings import load_settings


def up(
    *,
    data_dir: Path | None = None,
    port: int | None = None,
    prefect_port: int | None = None,
    smtp_url: str | None = None,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    Parameters
    ----------
    data_dir
        Folder of the embedded database, logs, keys and Prefect's own data (EXOSEND_DATA_DIR, else .exosend).
    port
        Port of the API (EXOSEND_PORT, else 8000).
    prefect_port
        Port of the Prefect server (EXOSEND_PREFECT_PORT, else 4200).
    smtp_url
        Mail server, smtp://[user:password@]host[:port] or smtps://… (EXOSEND_SMTP_URL, else the sandbox).
    """
    run_stack(load_settings(data_dir=data_dir, port=port, prefect_port=prefect_port, smtp_url=smtp_url))

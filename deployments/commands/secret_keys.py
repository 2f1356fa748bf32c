"""`exosend secrets`."""

import sys
from pathlib import Path

from deployments.connection import connected_settings
from models.session import Database, Role
from models.settings import load_settings
from models.store.encrypted_columns import ENCRYPTED_COLUMNS, EncryptedColumn, Key, renew_encryption
from models.store.organizations import audit

_AT_ONCE = 200


def rotate(*, data_dir: Path | None = None) -> None:
    """Store everything that is encrypted anew, under the secret key of today; exit code 1 if no key opens something.

    First let EXOSEND_SECRET_KEY (or secret.key) be the new key and EXOSEND_SECRET_KEY_OLD the one before, everywhere,
    and restart. When this says that all is done the old key is needed only for links and bounces of mails sent
    under it, and for backups from before. It may be stopped and run again.

    Parameters
    ----------
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = connected_settings(load_settings(data_dir=data_dir))
    database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend secrets rotate")
    renewed = unopened = 0

    def go_through(what: EncryptedColumn) -> None:
        nonlocal renewed, unopened
        after: Key | None = None
        while True:
            with database.transaction(None) as session:
                done = renew_encryption(session, settings, what, after=after, limit=_AT_ONCE)
            renewed, unopened = renewed + done.renewed, unopened + done.unopened
            if (after := done.last) is None:
                return

    try:
        for column in ENCRYPTED_COLUMNS:
            go_through(column)
        with database.transaction(None) as session:
            details = {"renewed": renewed, "unopened": unopened}
            audit(session, None, actor="operator", action="secrets.rotated", subject="secret key", details=details)
    finally:
        database.close()
    print(f"{renewed:,} values were stored anew under the secret key of today.")
    if unopened:
        sys.exit(f"exosend: {unopened:,} values are opened by no key that is known here: they stay as they are.")

"""`exosend bounces`."""

import sys
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from deployments.connection import connected_settings
from models.errors import SetupError
from models.rules.return_paths import ReturnPaths
from models.session import DATABASE_AWAY, Database, Role
from models.settings import Settings, load_settings
from tasks.bounces.reading import MAIL_BYTES_MAX
from tasks.bounces.receiving import receive_mails
from tasks.providers.return_paths import return_paths_of

# What mail servers understand (sysexits.h): 75 is to be tried again, the others are for the postmaster.
_TEMPFAIL, _CONFIG = 75, 78


def read(*, recipient: str | None = None, data_dir: Path | None = None) -> None:
    """Read one mail from standard input, for a mail server's pipe. What is no bounce of ours is left alone.

    Exit code 0 when it was read, whatever it is; 75 when the database is away, so that the server tries again; 78 when
    something is not configured.

    Parameters
    ----------
    recipient
        The envelope's recipient, where the server tells it.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    mail = sys.stdin.buffer.read(MAIL_BYTES_MAX)
    while sys.stdin.buffer.read(MAIL_BYTES_MAX):  # to its end: a server takes a closed pipe for a failure
        pass
    settings, return_paths = _configuration(data_dir)
    try:
        settings = connected_settings(settings)
    except SetupError as error:  # no stack runs, or it is still starting
        _fail(error, _TEMPFAIL)
    try:
        database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend bounces read")
    except SetupError as error:
        _fail(error, _CONFIG)
    try:
        [found] = receive_mails(database, return_paths, [mail], recipient=recipient)
    except DATABASE_AWAY as error:
        _fail(f"the database cannot be used: {type(error).__name__}", _TEMPFAIL)
    finally:
        database.close()
    print(found.what)


def _configuration(data_dir: Path | None) -> tuple[Settings, ReturnPaths]:
    try:
        settings = load_settings(data_dir=data_dir)
        return settings, return_paths_of(settings)
    except ValidationError as error:
        names = ", ".join(f"EXOSEND_{part['loc'][0]}".upper() for part in error.errors() if part["loc"])
        _fail(f"{names or 'The configuration'} cannot be used.", _CONFIG)
    except SetupError as error:
        _fail(error, _CONFIG)


def _fail(why: object, code: int) -> NoReturn:
    print(f"exosend: {why}", file=sys.stderr)
    sys.exit(code)

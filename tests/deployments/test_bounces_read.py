"""`exosend bounces read`, as a mail server's pipe runs it: exit codes by sysexits.h."""

import subprocess
import sys
from uuid import UUID

import pytest

from models.rules.ids import new_id
from models.session import Database, Role
from models.settings import Settings
from tasks.providers.return_paths import return_paths_of
from tests.support.bounces import postfix
from tests.support.callbacks import one

ADDRESS = "bounces@bounces.example.com"


def _pipe(settings: Settings, mail: bytes, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    values = {
        "EXOSEND_DATABASE_URL": settings.database_url or "",
        "EXOSEND_SECRET_KEY": "a-key-for-tests-only",
        "EXOSEND_BOUNCE_ADDRESS": ADDRESS,
        "EXOSEND_DATA_DIR": str(settings.data_dir),
        "PATH": "/usr/bin:/bin",
        **environment,
    }
    command = [sys.executable, "-m", "deployments.cli", "bounces", "read", *arguments]
    environment = {name: value for name, value in values.items() if value}
    return subprocess.run(command, input=mail, env=environment, capture_output=True, timeout=60, check=False)


@pytest.fixture
def message() -> UUID:
    return new_id()


def test_a_mail_is_read_and_what_it_says_waits_to_be_applied(settings: Settings, message: UUID) -> None:
    path = return_paths_of(settings.with_values(bounce_address=ADDRESS)).address_of(message)
    done = _pipe(settings, postfix(path="somebody@example.com"), "--recipient", path)
    assert (done.returncode, done.stdout) == (0, b"It is a hard bounce.\n"), done.stderr
    database = Database(settings, Role.ENGINE, pool_size=1)
    assert one(database, "SELECT message_id FROM incoming_events") == message
    database.close()


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({"EXOSEND_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, 75, b"the database cannot be used"),
        ({"EXOSEND_BOUNCE_ADDRESS": "no address"}, 78, b"EXOSEND_BOUNCE_ADDRESS"),
    ],
    ids=["database away", "badly configured"],
)
def test_a_server_is_told_whether_to_try_again(
    settings: Settings, message, environment, code: int, said: bytes
) -> None:
    path = return_paths_of(settings.with_values(bounce_address=ADDRESS)).address_of(message)
    done = _pipe(settings, postfix(path=path), **environment)
    assert done.returncode == code
    assert said in done.stderr
    assert b"Traceback" not in done.stderr

"""The command line as a person meets it: quick help, errors in one line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_COMMANDS = [["up"], ["demo"], ["org", "create"], ["doctor"], ["migrate"], ["results"], ["backup"], ["restore"]]
_COMMANDS += [["sender", "list"], ["sender", "approve"], ["sender", "verify"], ["sender", "reject"], ["prices", "load"]]
_COMMANDS += [["user", "create"], ["user", "list"], ["user", "password"]]


def _exosend(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EXOSEND_DATA_DIR": str(folder), **environment}
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *arguments],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip


def test_help_imports_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    code = (
        "import sys; from deployments.cli import app; app(['--help'], result_action='return_value');"
        "print('heavy:', sorted({'prefect', 'polars', 'sqlalchemy', 'flask', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "Start everything on this machine" in done.stdout
    assert "heavy: []" in done.stdout


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_its_options(command: list[str], tmp_path: Path) -> None:
    done = _exosend(*command, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert "--data-dir" in done.stdout
    assert "no-json" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["migrate"], "No stack runs on"),
        (["org", "create", "--name", "Acme", "--credits", "1e3,5"], "--credits must be an amount"),
        (["org", "create", "--name", "Acme", "--credits", "5", "--domain", "not a domain"], "is not an email domain"),
        (["org", "create", "--name", " ", "--credits", "5"], "--name must have 1 to 255 characters"),
        (["org", "create", "--name", "Acme", "--credits", "5", "--rate-limit", "0"], "--rate-limit must be at least 1"),
        (["org", "create", "--name", "Acme", "--credits", "5", "--sender-id", "!!"], '"!!" is not 3 to 11 of'),
        (["up", "--data-dir", "/dev/null/folder"], "/dev/null/folder cannot be used (Not a directory)"),
        (["up", "--smtp-url", "mail.example.com"], "EXOSEND_SMTP_URL: it must begin with smtp:// or smtps://"),
        (["results", "no-uuid", "--out", "x.parquet"], "no-uuid is not the id of a run"),
        (["sender", "approve", "no-uuid"], "No stack runs on"),
        (["sender", "add", "no-uuid", "EXOSMS"], "no-uuid is not the id of an organization."),
        (["org", "guards", "no-uuid"], "no-uuid is not the id of an organization."),
        (["org", "tracking", "no-uuid"], "no-uuid is not the id of an organization."),
        (["org", "quiet-hours", "no-uuid", "off"], "no-uuid is not the id of an organization."),
        (["reconcile", "--organization", "no-uuid"], "no-uuid is not the id of an organization."),
        (["user", "create", "--email", "x", "--name", "X", "--role", "owner"], '"x" is not an email address'),
        (["prices", "load", "no-file"], "no-file cannot be read: No such file or directory."),
        (["backup", "file"], "There is no database in"),
        (["restore", "no-file"], "There is no file no-file"),
        (["up", "--port", "99999"], "EXOSEND_PORT: Input should be less than or equal to 65535"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_a_person_can_mend_is_one_line_and_exit_code_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = _exosend(*arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.startswith("exosend: ")
    assert len(done.stderr.splitlines()) == 1


def test_doctor_names_what_is_wrong_where_nothing_runs(tmp_path: Path) -> None:
    done = _exosend("doctor", folder=tmp_path)
    assert done.returncode == 1
    assert "No stack runs on" in done.stdout.replace("\n", " ")
    assert "there is none" in done.stdout
    assert "no real provider" in done.stdout


@pytest.mark.parametrize("command", [["up"], ["migrate"], ["org", "create", "--name", "Acme", "--credits", "5"]])
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql://admin:hidden@127.0.0.1:1/exosend", "The database cannot be used: connection failed"),
        ("hidden", "EXOSEND_DATABASE_URL cannot be read: it looks like postgresql://"),
        ("postgresql://admin:hidden@host:port/exosend", "EXOSEND_DATABASE_URL cannot be read"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(
    command: list[str], address: str, message: str, tmp_path: Path
) -> None:
    environment = {"EXOSEND_DATABASE_URL": address, "EXOSEND_SECRET_KEY": "k" * 32}
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        environment["EXOSEND_PORT"] = str(first.getsockname()[1])
        environment["EXOSEND_PREFECT_PORT"] = str(second.getsockname()[1])
    done = _exosend(*command, folder=tmp_path, **environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_names_a_mail_server_whose_address_cannot_be_read(tmp_path: Path) -> None:
    done = _exosend("doctor", folder=tmp_path, EXOSEND_SMTP_URL="mail.example.com")
    assert done.returncode == 1
    assert "it must begin with smtp://" in " ".join(done.stdout.split())

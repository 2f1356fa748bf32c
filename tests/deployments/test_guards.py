"""What `exosend up` and the other commands refuse, before they start or change anything."""

import os
import socket
from pathlib import Path

import pytest

from deployments.connection import connected_settings
from deployments.environment import api_environment, engine_environment, prefect_server_environment, worker_environment
from deployments.processes import ProcessIdentity
from deployments.stack import run_stack
from deployments.state import FolderLock, StackState
from models.errors import SetupError
from models.settings import Settings

_URL = "postgresql://boss:boss-password@/exosend?host=/run"


def _settings(folder: Path, **values: object) -> Settings:
    return Settings().with_values(data_dir=folder, secret_key="a key", **values)


def test_a_second_up_on_the_folder_says_who_runs_and_touches_nothing(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    StackState("id", ProcessIdentity.current(), 8123, 4323, "http://127.0.0.1:4323/api").save(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SetupError, match=rf"pid {os.getpid()}, API on port 8123, Prefect at http://127.0.0.1:4323"):
        run_stack(_settings(tmp_path))
    assert sorted(tmp_path.iterdir()) == before
    lock.release()


@pytest.mark.parametrize(("field", "option"), [("port", "--port"), ("prefect_port", "--prefect-port")])
def test_a_port_in_use_is_named_with_the_option_that_changes_it(tmp_path: Path, field: str, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        taken = server.getsockname()[1]
        free = other.getsockname()[1]
        other.close()
        ports = {"port": free, "prefect_port": free} | {field: taken}
        with pytest.raises(SetupError, match=rf"Port {taken} .* {option} "):
            run_stack(_settings(tmp_path, **ports))
    assert not (tmp_path / "postgres").exists()
    assert StackState.load(tmp_path) is None


def test_one_port_for_two_services_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot share port 8123"):
        run_stack(_settings(tmp_path, port=8123, prefect_port=8123))


def test_commands_say_what_to_do_when_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"No stack runs on .*EXOSEND_DATABASE_URL"):
        connected_settings(_settings(tmp_path))


def test_commands_find_the_running_stack_by_its_folder(tmp_path: Path) -> None:
    state = StackState("id", ProcessIdentity.current(), 8123, 4323, "", smtp_url="smtp://mail", database_url=_URL)
    state.save(tmp_path)
    found = connected_settings(_settings(tmp_path))
    assert (found.port, found.prefect_port, found.database_url, found.smtp_url) == (8123, 4323, _URL, "smtp://mail")


def test_a_stack_that_was_killed_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    gone = ProcessIdentity(os.getpid(), 1.0)
    StackState("id", gone, 8123, 4323, "", database_url=_URL).save(tmp_path)
    with pytest.raises(SetupError, match="No stack runs"):
        connected_settings(_settings(tmp_path))


def test_the_api_gets_its_own_role_only_and_no_password_of_a_provider(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        database_url=_URL,
        smtp_url="smtp://user:mail-password@mail:2525?connections=4",
        email_url="mailgun://api:mail-password@api.mailgun.net",
        sms_url="twilio://AC:sms-password@api.twilio.com?timeout=3",
    )
    environment = api_environment(settings)
    assert environment["EXOSEND_EMAIL_URL"] == "mailgun://api.mailgun.net"
    assert environment["EXOSEND_SMS_URL"] == "twilio://api.twilio.com?timeout=3"
    assert engine_environment(settings)["EXOSEND_SMS_URL"] == settings.sms_url
    assert worker_environment(settings)["EXOSEND_EMAIL_URL"] == settings.email_url
    assert environment["EXOSEND_API_DATABASE_URL"].startswith("postgresql+psycopg://exosend_api:")
    assert environment["EXOSEND_SMTP_URL"] == "smtp://mail:2525?connections=4"
    assert not {"EXOSEND_DATABASE_URL", "EXOSEND_ENGINE_DATABASE_URL"} & environment.keys()


@pytest.mark.parametrize("make", [api_environment, engine_environment, worker_environment, prefect_server_environment])
def test_no_service_gets_the_owners_address(tmp_path: Path, make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXOSEND_DATABASE_URL", _URL)
    environment = make(_settings(tmp_path, database_url=_URL))  # type: ignore[operator]
    assert not [name for name, value in environment.items() if "boss" in value]


def test_prefect_knows_no_secret_of_ours_and_answers_its_own_pages_only(tmp_path: Path) -> None:
    settings = _settings(tmp_path, database_url=_URL, smtp_url="smtp://u:mail-password@mail", prefect_port=4323)
    environment = prefect_server_environment(settings)
    assert not {"EXOSEND_SECRET_KEY", "EXOSEND_SMTP_URL", "EXOSEND_ENGINE_DATABASE_URL"} & environment.keys()
    origins = environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"]
    assert origins == "http://127.0.0.1:4323,http://localhost:4323"
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"

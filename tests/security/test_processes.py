"""What each process of a stack is told, and where Prefect listens."""

from pathlib import Path

import pytest

from deployments.environment import api_environment, engine_environment, prefect_server_environment
from models.settings import Settings

MARK = "s3cr3t-m4rk"


@pytest.fixture
def marked(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        host="0.0.0.0",  # the API's: Prefect's is another
        secret_key="a-secret-key-of-this-installation",  # type: ignore[arg-type]
        prefect_auth="admin:password",  # type: ignore[arg-type]
        database_url="postgresql://postgres@127.0.0.1:9/exosend",
        email_url=f"mailgun://api:{MARK}@api.mailgun.net",
        sms_url=f"twilio://AC1:{MARK}@api.twilio.com",
        bounce_imap_url=f"imaps://user:{MARK}@imap.example.com",
    )


def test_prefect_listens_on_loopback_and_asks_for_the_password(marked: Settings) -> None:
    told = prefect_server_environment(marked)
    assert told["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == "admin:password"
    origins = told["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"].split(",")
    assert {origin.rpartition(":")[0] for origin in origins} == {"http://127.0.0.1", "http://localhost"}


def test_passwords_of_providers_go_to_who_sends_and_to_nobody_else(marked: Settings) -> None:
    assert MARK in str(engine_environment(marked))
    for told in (api_environment(marked), prefect_server_environment(marked)):
        assert MARK not in str(told)
    assert "a-secret-key-of-this-installation" not in str(prefect_server_environment(marked))

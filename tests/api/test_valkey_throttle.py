"""The limit of requests, counted in Valkey or Redis."""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import valkey

from api.app import create_app
from models.settings import Settings

pytestmark = pytest.mark.needs("redis-server")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of our own, on a socket in a folder: no port that somebody else could take."""
    path = tmp_path_factory.mktemp("redis") / "socket"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=path.parent)
    try:
        end = time.monotonic() + 10
        while not _is_open(path):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.02)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _is_open(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture
def api_settings(api_settings: Settings, server: str) -> Settings:
    return api_settings.with_values(throttle_url=server)


def _limits(answer) -> tuple[int, str | None, str | None]:
    headers = answer.headers
    return answer.status_code, headers.get("X-RateLimit-Limit"), headers.get("X-RateLimit-Remaining")


def test_every_answer_says_what_is_left_and_the_first_one_too_many_is_refused(new_client) -> None:
    hurried = new_client("Hurried", rate_limit=2)
    assert [_limits(hurried.get("/balance")) for _ in range(3)] == [(200, "2", "1"), (200, "2", "0"), (429, "2", "0")]
    assert 1 <= int(hurried.get("/balance").headers["Retry-After"]) <= 60


def test_postgres_counts_nothing_meanwhile(new_client, engine) -> None:
    hurried = new_client("Hurried", rate_limit=2)
    hurried.get("/balance")
    with engine.transaction(None) as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM request_counts").scalar_one() == 0


def test_when_its_minute_has_passed_the_next_request_begins_another(new_client, server: str) -> None:
    hurried = new_client("Hurried", rate_limit=1)
    hurried.get("/balance")
    assert hurried.get("/balance").status_code == 429
    with valkey.Valkey.from_url(server) as client:
        assert client.pexpire(f"exosend:requests:{hurried.organization_id}", 1)
        while client.exists(f"exosend:requests:{hurried.organization_id}"):
            time.sleep(0.002)
    assert hurried.get("/balance").status_code == 200


def test_of_many_requests_at_once_over_two_processes_exactly_as_many_pass_as_may(new_client, api_settings) -> None:
    racing = new_client("Racing", rate_limit=25)
    second = create_app(api_settings)
    headers = {"Authorization": f"Bearer {racing.token}"}

    def call(number: int) -> int:
        app = (racing.app, second)[number % 2]
        return app.test_client().get("/api/v1/balance", headers=headers).status_code

    try:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(call, range(48)))
    finally:
        second.extensions["exosend"].database.close()
    assert (statuses.count(200), statuses.count(429)) == (25, 23)


def test_nobody_unknown_is_counted(new_client) -> None:
    hurried = new_client("Hurried", rate_limit=2)
    wrong = {"Authorization": f"Bearer {hurried.token}x"}
    assert hurried.app.test_client().get("/api/v1/balance", headers=wrong).status_code == 401
    assert _limits(hurried.get("/balance")) == (200, "2", "1")

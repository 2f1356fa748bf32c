"""The limit of requests a minute: of an organization, over all its tokens, threads and processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from api.app import create_app
from models.session import Database
from models.store.organizations import create_token

TOO_MANY = {"message": "Too Many Attempts."}
UNKNOWN = "01a20873-dd11-7487-b916-d7a158f9babe"


def _limits(answer) -> tuple[str | None, str | None]:
    return answer.headers.get("X-RateLimit-Limit"), answer.headers.get("X-RateLimit-Remaining")


def _move_the_minute(engine: Database, interval: str) -> None:
    """As if the minute had begun at another time."""
    with engine.transaction(None) as session:
        session.execute(text(f"UPDATE request_counts SET counted_from = counted_from + interval '{interval}'"))


@pytest.fixture
def hurried(new_client):
    """An organization with three requests a minute."""
    return new_client("Hurried", rate_limit=3)


def test_every_answer_says_what_is_left_and_the_first_one_too_many_is_refused(hurried) -> None:
    assert [_limits(hurried.get("/balance")) for _ in range(3)] == [("3", "2"), ("3", "1"), ("3", "0")]
    answer = hurried.get("/balance")
    assert (answer.status_code, answer.get_json()) == (429, TOO_MANY)
    assert _limits(answer) == ("3", "0")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_an_organization_may_make_60_requests_a_minute_unless_it_is_told_otherwise(engine, new_client) -> None:
    with engine.transaction(None) as session:
        default = session.execute(
            text("SELECT column_default FROM information_schema.columns WHERE column_name = 'rate_limit'")
        ).scalar_one()
    assert default == "60"
    assert _limits(new_client("Busy", rate_limit=1000).get("/balance")) == ("1000", "999")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/contacts/{UNKNOWN}", None, 404),
        ("GET", "/contacts/not-a-uuid", None, 404),
        ("POST", "/contacts", {}, 422),
        ("PUT", f"/contacts/{UNKNOWN}", {"email": "x"}, 404),
    ],
)
def test_an_error_counts_and_says_what_is_left(hurried, method, path, body, status) -> None:
    answer = hurried.call(method, path, body)
    assert (answer.status_code, *_limits(answer)) == (status, "3", "2")
    assert "Retry-After" not in answer.headers
    assert _limits(hurried.get("/balance")) == ("3", "1")


def test_429_comes_after_401_and_before_404(hurried) -> None:
    for _ in range(3):
        hurried.get("/balance")
    assert hurried.get("/contacts/not-a-uuid").status_code == 429
    assert hurried.post("/contacts", {}).status_code == 429
    nobody = hurried.app.test_client().get("/api/v1/balance", headers={"Authorization": f"{hurried.token}x"})
    assert (nobody.status_code, *_limits(nobody)) == (401, None, None)


def test_who_is_not_known_is_not_counted(hurried) -> None:
    wrong = f"Bearer {hurried.token}x"
    for _ in range(5):
        hurried.app.test_client().get("/api/v1/balance", headers={"Authorization": wrong})
    assert _limits(hurried.get("/balance")) == ("3", "2")


def test_the_limit_is_the_organizations_and_not_a_tokens(hurried, acme, engine) -> None:
    with engine.transaction(None) as session:
        other = create_token(session, hurried.organization_id, user_id=None, name="another").text
    hurried.get("/balance")
    answer = hurried.app.test_client().get("/api/v1/balance", headers={"Authorization": f"Bearer {other}"})
    assert _limits(answer) == ("3", "1")
    assert acme.get("/balance").headers["X-RateLimit-Remaining"] == "99999"


def test_when_its_minute_has_passed_the_next_request_begins_another(hurried, engine) -> None:
    for _ in range(4):
        refused = hurried.get("/balance")
    assert refused.status_code == 429
    _move_the_minute(engine, "-50 seconds")
    assert int(hurried.get("/balance").headers["Retry-After"]) <= 10
    _move_the_minute(engine, "-10 seconds")
    assert _limits(hurried.get("/balance")) == ("3", "2")


def test_a_clock_that_was_set_back_shuts_nobody_out(hurried, engine) -> None:
    for _ in range(4):
        hurried.get("/balance")
    _move_the_minute(engine, "1 hour")
    assert _limits(hurried.get("/balance")) == ("3", "2")


@pytest.mark.parametrize(("limit", "status", "left"), [(10, 200, "6"), (2, 429, "0")])
def test_another_limit_holds_at_once(hurried, engine, limit, status, left) -> None:
    for _ in range(4):  # the fourth is refused, and does not count
        hurried.get("/balance")
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET rate_limit = :limit"), {"limit": limit})
    answer = hurried.get("/balance")
    assert (answer.status_code, *_limits(answer)) == (status, str(limit), left)


def test_of_many_requests_at_once_exactly_as_many_pass_as_may(new_client, api_settings) -> None:
    """Two applications, as two processes have them, with their own connections."""
    client = new_client("Racing", rate_limit=25)
    second = create_app(api_settings)
    barrier = Barrier(8, timeout=30)

    def call(number: int) -> list[int]:
        app = (client.app, second)[number % 2]
        barrier.wait()
        headers = {"Authorization": f"Bearer {client.token}"}
        return [app.test_client().get("/api/v1/balance", headers=headers).status_code for _ in range(6)]

    try:
        with ThreadPoolExecutor(8) as pool:
            statuses = [status for found in pool.map(call, range(8)) for status in found]
    finally:
        second.extensions["exosend"].database.close()
    assert (statuses.count(200), statuses.count(429), len(statuses)) == (25, 23, 48)


_PROCESS = """
import sys
from api.app import create_app
from models.settings import load_settings
client = create_app(load_settings()).test_client()
print("ready", flush=True)
sys.stdin.readline()
headers = {"Authorization": f"Bearer {sys.argv[1]}"}
print(*[client.get("/api/v1/balance", headers=headers).status_code for _ in range(20)])
"""


def test_the_limit_is_exact_over_processes(new_client, api_settings, monkeypatch) -> None:
    client = new_client("Racing", rate_limit=25)
    assert api_settings.secret_key is not None
    monkeypatch.setenv("EXOSEND_DATABASE_URL", api_settings.database_url)
    monkeypatch.setenv("EXOSEND_SECRET_KEY", api_settings.secret_key.get_secret_value())
    command = [sys.executable, "-c", _PROCESS, client.token]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    statuses = " ".join(process.communicate(timeout=60)[0] for process in processes).split()
    assert (statuses.count("200"), statuses.count("429")) == (25, 35)


def test_a_request_whose_work_is_rolled_back_has_counted(hurried) -> None:
    hurried.post("/contact-lists", {"name": "L"})
    assert hurried.post("/contact-lists", {"name": "l"}).status_code == 422
    assert _limits(hurried.get("/balance")) == ("3", "0")


def test_public_routes_have_no_limit(acme) -> None:
    assert _limits(acme.app.test_client().get("/health/live")) == (None, None)

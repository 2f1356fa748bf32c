"""What the courier does when Prefect has lost the work pool and the deployments."""

from collections.abc import Iterator

import httpx2
import pytest

from deployments import courier_prefect
from deployments.courier_prefect import PrefectThread
from models.session import Database, Role
from tests.support.prefect_stand_in import StandIn, prefect_stand_in


@pytest.fixture
def prefect() -> Iterator[StandIn]:
    with prefect_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def thread(settings, prefect) -> Iterator[PrefectThread]:
    database = Database(settings, Role.ENGINE)
    thread = PrefectThread(database, settings.with_values(prefect_api_url=prefect.url, prefect_auth="exosend:secret"))
    yield thread
    thread.stop()
    database.close()


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time that the thread sees; it looks as soon as it was moved by a minute."""
    now = [1000.0]
    monkeypatch.setattr(courier_prefect.time, "monotonic", lambda: now[0])
    return now


def _after(thread: PrefectThread, clock: list[float], seconds: float) -> bool:
    clock[0] += seconds
    thread.look()
    return thread.must_set_up()


def test_deployments_that_were_there_and_are_gone_are_applied_again_at_once(thread, prefect, clock):
    assert not _after(thread, clock, 0)
    prefect.knows_deployments = False
    assert _after(thread, clock, 10)
    prefect.knows_deployments = True
    assert not _after(thread, clock, 10)


def test_at_the_start_of_a_stack_somebody_else_applies_them(thread, prefect, clock):
    prefect.knows_deployments = False
    assert [_after(thread, clock, seconds) for seconds in (0, 30, 29, 6)] == [False, False, False, True]


def test_a_server_that_does_not_answer_has_lost_nothing(settings, clock):
    database = Database(settings, Role.ENGINE)
    thread = PrefectThread(database, settings.with_values(prefect_api_url="http://127.0.0.1:9/api"))
    for seconds in (0, 100):
        with pytest.raises(httpx2.HTTPError):
            _after(thread, clock, seconds)
    assert not thread.must_set_up()
    thread.stop()
    database.close()


def test_the_password_is_given(thread, prefect, clock):
    prefect.credentials = ("exosend", "secret")
    assert not _after(thread, clock, 0)
    prefect.credentials = ("exosend", "another")
    with pytest.raises(httpx2.HTTPStatusError):
        _after(thread, clock, 60)

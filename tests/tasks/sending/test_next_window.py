"""From one window to the next: whatever goes wrong with the next one, the answers of the one that is out are kept."""

from collections.abc import Iterator

import pytest

from models.errors import StaleLease
from tasks.sending import drain
from tasks.sending.composing import compose_window
from tests.support.engine import Engine, MailServer
from tests.support.processes import mail_server

WINDOW = 20


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mail_server(tmp_path, "--delay", "5") as running:
        yield running


@pytest.fixture
def engine(make_engine, server) -> Engine:
    return make_engine(contacts=5 * WINDOW, smtp_url=server.url)


@pytest.mark.parametrize("error", [StaleLease("Postgres was away for too long."), MemoryError()], ids=type)
def test_a_window_that_cannot_be_made_costs_no_answer_of_the_one_before(engine, server, monkeypatch, error) -> None:
    made = 0

    async def breaking(*arguments):
        nonlocal made
        made += 1
        if made == 3:
            raise error
        return await compose_window(*arguments)

    monkeypatch.setattr(drain, "compose_window", breaking)
    run = engine.planned()
    if isinstance(error, StaleLease):
        engine.send(run)
    else:
        with pytest.raises(type(error)):
            engine.send(run)
    handed_over = server.accepted().total()
    assert handed_over >= 2 * WINDOW
    assert engine.totals(run).sent == handed_over
    engine.expire_leases(run)
    engine.send(run)
    assert engine.totals(run).uncertain == WINDOW, "The one that was announced: whoever takes over cannot know."
    engine.check_invariants(run, server.accepted())

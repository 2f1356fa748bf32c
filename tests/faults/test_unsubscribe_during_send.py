"""Who unsubscribes while it is being sent gets nothing more than two seconds later: the mail server's log says when."""

import random
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import text

from deployments.sink_log import read_entries
from tests.support.engine import Engine, MailServer
from tests.support.invariants import examine, examine_singles
from tests.support.outbox import due, sending, singles, wait_until
from tests.support.processes import mail_server

PROMISED_SECONDS = 2.0
DELAY_MS = 40


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    """Four connections, 25 messages a second on each."""
    with mail_server(tmp_path, "--delay", str(DELAY_MS)) as running:
        yield running


def _unsubscribe_now_and_then(
    engine: Engine, server: MailServer, recipients: Sequence[str], chance: random.Random, ended: Callable[[], bool]
) -> dict[str, float]:
    """Let some of those who have nothing yet unsubscribe, at moments spread over the sending: who, and when at the
    latest it was committed."""
    chosen = chance.sample(recipients, len(recipients) // 6)
    left: dict[str, float] = {}
    while chosen and not ended():
        address = chosen.pop()
        if address not in server.accepted():
            engine.suppress(address)
            left[address] = time.time()
        time.sleep(chance.uniform(0.01, 0.1))  # the moments are what is tried
    return left


def _check(engine: Engine, server: MailServer, left: dict[str, float]) -> int:
    """How many of them got nothing."""
    accepted_at = {entry["recipient"]: entry["time"] for entry in read_entries(server.log)}
    late = {
        address: accepted_at[address] - at
        for address, at in left.items()
        if address in accepted_at and accepted_at[address] - at > PROMISED_SECONDS
    }
    assert not late, f"Handed over so many seconds after the unsubscribe was committed: {late}"
    spared = left.keys() - accepted_at.keys()
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT recipient FROM messages WHERE state = 'suppressed'")).scalars().all()
    assert set(found) == spared, "Who got nothing was suppressed, and who was suppressed got nothing."
    return len(spared)


@pytest.mark.parametrize(
    ("senders", "campaign"),
    [
        pytest.param(1, {"batch_size": 400}, id="long windows, slow server"),
        pytest.param(2, {"batch_size": 20}, id="two senders"),
        pytest.param(2, {"batch_size": 50, "send_rate_per_minute": 4000}, id="two senders with a rate"),
    ],
)
def test_of_a_campaign(make_engine, server, trial, request, senders, campaign):
    people = trial.of(short=500, long=6000)
    engine = make_engine(contacts=people, chunk_size=250, smtp_url=server.url)
    run = engine.planned(**campaign)
    threads = [engine.send_in_thread(run) for _ in range(senders)]
    left = _unsubscribe_now_and_then(
        engine, server, engine.recipients, trial.chance, lambda: not any(t.is_alive() for t in threads)
    )
    for thread in threads:
        thread.join()
    assert _check(engine, server, left) > 0, "Nobody was spared: it tried nothing."
    assert engine.close(run) is not None
    engine.check_invariants(run, server.accepted())
    how = request.node.callspec.id
    trial.write(f"unsubscribed while a campaign is sent: {how}", len(left), examine(engine, run, server.accepted()))


def test_of_single_messages(make_engine, server, trial):
    engine = make_engine(contacts=1, smtp_url=server.url)
    people = [f"s{number}@example.com" for number in range(trial.of(short=300, long=4000))]
    singles(engine, "email", people)
    with sending(engine, "email"):
        left = _unsubscribe_now_and_then(engine, server, people, trial.chance, lambda: due(engine) == 0)
        wait_until(lambda: due(engine) == 0)
    assert _check(engine, server, left) > 0
    found = examine_singles(engine, server.accepted())
    trial.write("unsubscribed while single messages are sent", len(left), found)


def test_nothing_is_handed_over_to_who_left_before_it_began(make_engine, server):
    engine = make_engine(contacts=30, smtp_url=server.url)
    run = engine.planned()
    for address in engine.recipients:
        engine.suppress(address)
    engine.send(run)
    assert not server.accepted()
    assert engine.states(run) == {"suppressed": 30}

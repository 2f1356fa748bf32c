"""From one chunk to the next: the next one is opened while the last window of the one before is out."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import text

from models.store.chunks import Counts, Lease, advance, claim_chunk
from models.tables import Chunk, Run
from tasks.providers.base import Outcome, OutgoingMessage, Provider
from tasks.providers.until import Until
from tasks.runs.control import pause_campaign
from tasks.sending import drain
from tasks.sending.handing_over import hand_over
from tasks.sending.journal import Journal
from tests.support.engine import Engine, MailServer
from tests.support.processes import mail_server

WINDOW = 20
CHUNK = 60
_PATIENCE_SECONDS = 30.0


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        yield running


@pytest.fixture
def engine(make_engine, server) -> Engine:
    return make_engine(contacts=4 * CHUNK, smtp_url=server.url, chunk_size=CHUNK)


@pytest.fixture
def in_the_last_window(engine, monkeypatch) -> Callable[[Run, Callable[[], object]], None]:
    """Has something done while the last window of the first chunk is out and the second chunk is open."""

    def arrange(run: Run, work: Callable[[], object]) -> None:
        calls: Counter[str] = Counter()

        async def handed_over(
            provider: Provider, messages: Sequence[OutgoingMessage], until: Until
        ) -> Sequence[Outcome]:
            calls["windows"] += 1
            outcomes = await hand_over(provider, messages, until)
            if calls["windows"] == CHUNK // WINDOW:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while _chunk(engine, run, 1) != ("leased", WINDOW, 0):
                        await asyncio.sleep(0.01)
                await asyncio.to_thread(work)
            return outcomes

        monkeypatch.setattr(drain, "hand_over", handed_over)

    return arrange


def _chunk(engine: Engine, run: Run, no: int) -> tuple[str, int, int]:
    """State, cursor, recorded."""
    with engine.database.transaction(None) as session:
        chunk = session.get_one(Chunk, (run.id, no))
        return chunk.state, chunk.cursor, chunk.recorded


def test_no_step_leaves_more_than_two_windows_in_doubt(engine, server, monkeypatch) -> None:
    in_doubt: list[int] = []
    step = Journal.step

    def watched(journal, *arguments, **options):
        clearance = step(journal, *arguments, **options)
        with engine.database.transaction(None) as session:
            in_doubt.append(session.execute(text("SELECT sum(cursor - recorded) FROM chunks")).scalar_one())
        return clearance

    monkeypatch.setattr(Journal, "step", watched)
    run = engine.planned()
    assert engine.send(run).accepted == 4 * CHUNK
    assert max(in_doubt) == 2 * WINDOW
    engine.check_invariants(run, server.accepted())


def test_what_was_opened_ahead_is_given_back_untouched_by_a_stop(engine, server, in_the_last_window) -> None:
    run = engine.planned()
    stop = threading.Event()
    in_the_last_window(run, stop.set)
    assert engine.send(run, stop=stop.is_set).accepted == CHUNK
    assert [_chunk(engine, run, no) for no in (0, 1)] == [("done", CHUNK, CHUNK), ("ready", 0, 0)]
    assert server.accepted().total() == CHUNK
    engine.check_invariants(run, server.accepted())


def test_a_pause_is_seen_one_window_later_as_ever(engine, server, in_the_last_window) -> None:
    run = engine.planned()

    def pause() -> None:
        with engine.database.transaction(engine.organization_id) as session:
            pause_campaign(session, engine.organization_id, run.campaign_id)

    in_the_last_window(run, pause)
    assert engine.send(run).accepted == CHUNK + WINDOW
    assert [_chunk(engine, run, no) for no in (0, 1)] == [("done", CHUNK, CHUNK), ("ready", WINDOW, WINDOW)]
    engine.check_invariants(run, server.accepted())


def test_a_chunk_that_was_taken_over_meanwhile_keeps_its_answers_and_the_next_is_sent(
    engine, server, in_the_last_window
) -> None:
    run = engine.planned()
    taken: list[Lease] = []

    def take_over() -> None:
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE chunks SET lease_until = now() - interval '1 second' WHERE no = 0"))
        with engine.database.transaction(None) as session:
            lease = claim_chunk(session, run.id, 1, who="another", lease_seconds=60)
            assert lease is not None
            taken.append(lease)

    in_the_last_window(run, take_over)
    assert engine.send(run).accepted == 4 * CHUNK
    assert [(lease.no, lease.uncertain) for lease in taken] == [(0, WINDOW)]
    with engine.database.transaction(None) as session:
        advance(session, taken[0], cursor=CHUNK, counts=Counts(), state="done")
    assert (engine.totals(run).sent, engine.totals(run).uncertain) == (4 * CHUNK, 0)
    engine.check_invariants(run, server.accepted())

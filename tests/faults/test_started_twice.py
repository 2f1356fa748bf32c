"""The same campaign is started by many at once, and its flow runs more than once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from models.errors import ExoSendError, IllegalState
from tests.support.invariants import examine
from tests.support.processes import mail_server


def test_of_fifty_starts_at_once_one_starts_it(make_engine, tmp_path, trial):
    starts = trial.of(short=50, long=500)
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=200, smtp_url=server.url)
        campaign = engine.campaign()
        barrier = threading.Barrier(10)

        def start(_: int):
            barrier.wait(timeout=60)  # ten at a time, as many as there are connections
            try:
                return engine.accept(campaign)
            except IllegalState as error:
                return error

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(start, range(starts)))
        runs = [answer for answer in answers if not isinstance(answer, ExoSendError)]
        assert len(runs) == 1
        engine.plan(runs[0])
        engine.send(runs[0])
        assert engine.close(runs[0]) is not None
        found = examine(engine, runs[0], server.accepted())
    trial.write("POST /campaigns/{id}/send at the same moment", starts, found)


def test_a_flow_that_runs_more_than_once_at_a_time_sends_once(make_engine, tmp_path, trial):
    flows = trial.of(short=3, long=6)
    with mail_server(tmp_path, "--delay", "1") as server:
        people = trial.of(short=1500, long=50_000)
        engine = make_engine(contacts=people, credits_="5000", chunk_size=100, smtp_url=server.url)
        run = engine.accept(engine.campaign())
        barrier = threading.Barrier(flows)

        def flow(_: int) -> bool:
            """Each phase as send-campaign has it, all of them at the same moment."""
            barrier.wait(timeout=60)
            planned = engine.plan(run)
            barrier.wait(timeout=60)
            tally = engine.send(run)
            barrier.wait(timeout=60)
            engine.close(run)
            return planned is not None and tally.chunks > 0

        with ThreadPoolExecutor(flows) as pool:
            assert any(pool.map(flow, range(flows)))
        found = examine(engine, run, server.accepted())
    trial.write("the same flow run at the same time", flows, found)
    assert found.uncertain == 0
    assert engine.totals(run).sent == people

"""A sender that is killed in the middle, with nothing else done than what the courier does."""

import signal
from itertools import pairwise

from tests.support.invariants import examine
from tests.support.processes import LogTail, mail_server, sender_environment

WINDOW = 20


def test_everybody_is_accepted_once_or_flagged_uncertain(make_engine, tmp_path, trial):
    people, kills = trial.of(short=(1500, 3), long=(100_000, 20))
    points = [0, *sorted(trial.chance.sample(range(1, people * 3 // 4), kills))]
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=people, credits_="5000", smtp_url=server.url)
        run = engine.planned(batch_size=WINDOW)
        tail = LogTail(server.log)
        for before, after in pairwise(points):
            process = engine.drainer_process(run, sender_environment(engine))
            tail.wait(tail.lines() + after - before, alive=lambda: process.poll() is None)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "The sender had ended before it could be killed."
            engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    trial.write("kill -9 of the sender", kills, found)
    assert found.uncertain <= 2 * WINDOW * kills
    assert engine.totals(run).sent + found.uncertain == people


def test_a_sender_that_is_told_to_end_leaves_nothing_uncertain(make_engine, tmp_path):
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=1500, smtp_url=server.url)
        run = engine.planned(batch_size=WINDOW)
        process = engine.drainer_process(run, sender_environment(engine))
        LogTail(server.log).wait(200, alive=lambda: process.poll() is None)
        process.terminate()
        assert process.wait(timeout=30) == 0
        sent = engine.totals(run).sent
        assert 200 <= sent < 1500
        assert engine.totals(run).uncertain == 0
        assert engine.send(run).accepted == 1500 - sent
        engine.check_invariants(run, server.accepted())

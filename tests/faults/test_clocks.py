"""Senders on machines whose clocks are wrong: what counts is the clock of the database."""

import subprocess
import sys

from sqlalchemy import text

from tests.support.cut_off import finish
from tests.support.invariants import examine
from tests.support.processes import LogTail, mail_server, sender_environment

LEASE_SECONDS = 3.0
_LEASED = """
SELECT max(extract(epoch FROM lease_until - clock_timestamp()))::float8 FROM chunks
WHERE run_id = :run AND state = 'leased'
"""


def test_a_sender_whose_clock_is_wrong_holds_its_lease_as_long_as_all_others(make_engine, tmp_path, trial):
    day = 86_400
    skews = [trial.chance.uniform(-30 * day, -60), trial.chance.uniform(60, 30 * day)]
    with mail_server(tmp_path, "--delay", "4") as server:
        people = trial.of(short=4000, long=20_000)
        engine = make_engine(contacts=people, chunk_size=100, lease_seconds=LEASE_SECONDS, smtp_url=server.url)
        run = engine.planned(batch_size=20)
        tail, processes = LogTail(server.log), []
        for skew in skews:
            command = [sys.executable, "-m", "tests.support.skewed", str(skew), "deployments.drainer", str(run.id), "1"]
            environment = sender_environment(engine)
            processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
            tail.wait(tail.lines() + 50)
        with engine.database.transaction(None) as session:
            left = session.execute(text(_LEASED), {"run": run.id}).scalar_one()
        assert left is None or 0 < left <= LEASE_SECONDS
        processes[0].kill()  # takeovers go by the same clock
        assert processes[0].wait() < 0, "It had ended before it could be killed."
        assert processes[1].wait(timeout=600) == 0
        finish(engine, run)
        found = examine(engine, run, server.accepted())
    trial.write("two senders with wrong clocks, one of them killed", len(skews), found)
    assert found.uncertain <= 2 * 20

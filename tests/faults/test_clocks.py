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
        people = trial.of(short=2000, long=20_000)
        engine = make_engine(contacts=people, chunk_size=100, lease_seconds=LEASE_SECONDS, smtp_url=server.url)
        run = engine.planned(batch_size=20)
        processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.support.skewed", str(skew)),
                    *("deployments.drainer", str(run.id), "1"),
                ],
                env=sender_environment(engine),
                stderr=subprocess.DEVNULL,
            )
            for skew in skews
        ]
        LogTail(server.log).wait(100)
        with engine.database.transaction(None) as session:
            left = session.execute(text(_LEASED), {"run": run.id}).scalar_one()
        assert left is None or 0 < left <= LEASE_SECONDS
        processes[0].kill()  # takeovers go by the same clock
        assert processes[0].wait() < 0
        assert processes[1].wait(timeout=600) == 0
        finish(engine, run)
        found = examine(engine, run, server.accepted())
    trial.write("two senders with wrong clocks, one of them killed", len(skews), found)
    assert found.uncertain <= 2 * 20

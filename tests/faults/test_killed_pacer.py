"""The process that sends all paced runs is killed in the middle: only what was out at that moment is in doubt."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from sqlalchemy import text

from models.tables import Run
from tasks.sending.pacing import send_paced
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.processes import mail_server, sender_environment

RUNS = 5
PEOPLE = 60
WINDOW = 5


def _paced_runs(make_engine, url: str) -> list[tuple[Engine, Run]]:
    """A run of each of several organizations, with people of its own."""
    runs = []
    for no in range(RUNS):
        engine = make_engine(people=[f"o{no}.c{i}" for i in range(PEOPLE)], smtp_url=url)
        runs.append((engine, engine.planned(send_rate_per_minute=599, batch_size=WINDOW)))
        with engine.database.transaction(None) as session:
            session.execute(text("DELETE FROM email_domains"))  # one domain belongs to one organization
    return runs


def _pacer(engine: Engine) -> subprocess.Popen[bytes]:
    environment = sender_environment(engine)
    command = [sys.executable, "-m", "deployments.pacer", str(os.getpid())]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def _left(engine: Engine) -> str:
    """What is left to send, and why it may wait."""
    looks = ("TABLE chunks", "TABLE deferrals", "TABLE provider_circuits", "SELECT id, state, rest_until FROM runs")
    with engine.database.transaction(None) as session:
        return "\n".join(f"{look}: {session.execute(text(look)).all()}" for look in looks)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
def test_nobody_is_lost_or_doubled_and_what_waits_for_its_rate_is_in_no_doubt(
    make_engine, tmp_path, trial, number, code
):
    with mail_server(tmp_path, "--delay", "5") as server:
        runs = _paced_runs(make_engine, server.url)
        process = _pacer(runs[0][0])
        while process.poll() is None and server.accepted().total() < RUNS * PEOPLE // 3:
            pass
        process.send_signal(number)
        assert process.wait(timeout=30) == code
        for engine, run in runs:
            engine.expire_leases(run)
        send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
        accepted = server.accepted()
        for engine, run in runs:
            assert engine.close(run) is not None, _left(engine)
            uncertain = engine.totals(run).uncertain
            assert uncertain <= (WINDOW if number == signal.SIGKILL else 0)
            assert engine.totals(run).sent + uncertain == PEOPLE
            engine.check_invariants(run, Counter({who: accepted[who] for who in engine.recipients}))
        found = [
            examine(engine, run, Counter({who: accepted[who] for who in engine.recipients if accepted[who]}))
            for engine, run in runs
        ]
    trial.write(f"{number.name} to the pacer, with {RUNS} runs", 1, found)

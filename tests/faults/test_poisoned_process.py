"""A recipient at whom the sender ends, process after process: the others get their message, and it is set aside."""

import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from deployments.courier_children import DRAINER, PACER
from models.rules.guards import DEATHS_IN_A_ROW
from models.tables import Run
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.poisoned import ENDS_WITH
from tests.support.processes import mail_server, sender_environment

POISON = "poison@example.com"
WINDOW = 20
_PATIENCE_SECONDS = 120.0


def _sender(engine: Engine, run: Run, where: str, module: str) -> subprocess.Popen[bytes]:
    arguments = [str(run.id), "1"] if module == DRAINER else [str(os.getpid())]
    command = [sys.executable, "-m", "tests.support.poisoned", where, POISON, module, *arguments]
    return subprocess.Popen(command, env=sender_environment(engine), stderr=subprocess.DEVNULL)


def _until_it_ends(engine: Engine, run: Run, process: subprocess.Popen[bytes], module: str) -> int:
    """Its exit code. A pacer that has nothing left to send is told to end, once: it would wait for more."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    asked = text("SELECT count(*) FROM chunks WHERE run_id = :run AND state <> 'done'")
    waits = module == PACER
    while process.poll() is None:
        assert time.monotonic() < deadline
        with engine.database.transaction(None) as session:
            is_done = session.execute(asked, {"run": run.id}).scalar_one() == 0
        if is_done and waits:
            process.terminate()
            waits = False
        time.sleep(0.05)
    return process.returncode


@pytest.mark.parametrize(("module", "rate"), [(DRAINER, None), (PACER, 599)], ids=["campaign", "paced"])
@pytest.mark.parametrize("where", ["composer", "provider"])
def test_the_others_are_sent_and_it_is_set_aside(make_engine, tmp_path, trial, where, module, rate):
    people = trial.of(short=120, long=20_000 if module == DRAINER else 300)
    names = [f"c{no}" for no in range(people - 1)]
    names.insert(trial.chance.randrange(people), "poison")
    with mail_server(tmp_path) as server:
        engine = make_engine(people=names, smtp_url=server.url)
        run = engine.planned(batch_size=WINDOW, send_rate_per_minute=rate)
        deaths = 0
        while (code := _until_it_ends(engine, run, _sender(engine, run, where, module), module)) == ENDS_WITH:
            deaths += 1
            assert deaths < DEATHS_IN_A_ROW, "It ends one sender after the other."
            engine.expire_leases(run)
        assert code == 0
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
        with engine.database.transaction(None) as session:
            asked = text("SELECT state, error_code FROM messages WHERE run_id = :run AND recipient = :who")
            state, error_code = session.execute(asked, {"run": run.id, "who": POISON}).one()
    print(f"{where}, {module}: {deaths} processes ended; {found.uncertain} uncertain; it is {state} ({error_code})")
    trial.write(f"the process ends at one recipient, in the {where} ({module.partition('.')[2]})", deaths, found)
    assert state == "uncertain"
    assert deaths > 0
    assert found.uncertain <= 2 * WINDOW * deaths
    assert engine.totals(run).sent + found.uncertain == people

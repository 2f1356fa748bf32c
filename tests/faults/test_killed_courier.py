"""A courier that is killed with single messages in flight, and another that goes on."""

import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import text

from models.rules.lifecycle import RunKind
from tasks.sending.outbox_journal import flag_lost
from tests.support.invariants import examine, examine_singles
from tests.support.outbox import check_money, count, message_states, send_everything, singles, small_run, wait_until
from tests.support.processes import mail_server, sender_environment


@contextlib.contextmanager
def _courier(engine) -> Iterator[subprocess.Popen[bytes]]:
    # Nothing listens there: Prefect is away.
    environment = sender_environment(engine, prefect_api_url="http://127.0.0.1:9/api")
    command = [sys.executable, "-m", "deployments.courier"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _let_claims_run_out(engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE outbox SET claimed_until = now() - interval '1 second' WHERE claimed_until > now()")
        )


def _check(engine, accepted: Counter[str], recipients: list[str]) -> None:
    assert max(accepted.values()) == 1, "Somebody got it twice."
    with engine.database.transaction(None) as session:
        states = dict(session.execute(text("SELECT recipient, state FROM messages")).all())
    assert sorted(states) == sorted(recipients)
    for recipient, state in states.items():
        assert state in {"accepted", "uncertain"}, f"{recipient} is {state}"
        if state == "accepted":
            assert accepted[recipient] == 1, f"{recipient} is accepted, and the mail server does not know it."
    check_money(engine)


def test_each_single_message_is_accepted_once_or_flagged_uncertain(make_engine, tmp_path, trial):
    people, kills = trial.of(short=(1200, 3), long=(20_000, 12))
    with mail_server(tmp_path, "--delay", "10") as server:
        engine = make_engine(contacts=1, smtp_url=server.url)
        recipients = [f"c{no}@example.com" for no in range(people)]
        singles(engine, "email", recipients[100:])
        run = engine.find(small_run(engine, RunKind.BATCH, recipients[:100]).run_id)
        for at_least in sorted(trial.chance.sample(range(20, people // 2), kills)):
            with _courier(engine) as process:
                wait_until(lambda: process.poll() is not None or server.accepted().total() >= at_least)  # noqa: B023
            assert process.returncode == -signal.SIGKILL, "The courier had ended before it could be killed."
            assert count(engine, "SELECT count(*) FROM outbox WHERE claimed_until IS NOT NULL") > 0
            _let_claims_run_out(engine)
            while flag_lost(engine.database):
                pass
        send_everything(engine, "email")
        _check(engine, server.accepted(), recipients)
        totals = engine.totals(run)
        assert (totals.sent + totals.uncertain, totals.pending) == (100, 0)
        closed = engine.close(run)
        assert closed is not None
        assert closed.state == "completed"
        found = _found(engine, run, server.accepted(), set(recipients[:100]))
    trial.write("kill -9 of the courier, singles and a batch", kills, found)


def _found(engine, run, accepted: Counter[str], of_run: set[str]):
    """Of the run, and of the singles."""
    own = Counter({who: times for who, times in accepted.items() if who in of_run})
    return [examine(engine, run, own), examine_singles(engine, accepted - own)]


def test_a_courier_that_is_told_to_end_leaves_nothing_uncertain(make_engine, tmp_path):
    with mail_server(tmp_path, "--delay", "10") as server:
        engine = make_engine(contacts=1, smtp_url=server.url)
        recipients = [f"c{no}@example.com" for no in range(600)]
        singles(engine, "email", recipients)
        with _courier(engine) as process:
            wait_until(lambda: process.poll() is not None or server.accepted().total() >= 50)
            process.terminate()
            assert process.wait(timeout=30) == 0
        assert message_states(engine).keys() <= {"accepted", "planned"}
        assert count(engine, "SELECT count(*) FROM outbox WHERE claimed_until IS NOT NULL") == 0
        send_everything(engine, "email")
        assert message_states(engine) == {"accepted": 600}
        _check(engine, server.accepted(), recipients)

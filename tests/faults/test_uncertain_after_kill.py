"""What a killed sender leaves in doubt, and each policy's end of it, with the mail server's log as the witness."""

import signal

import pytest

from models.rules.uncertainty import Verdict
from tests.support.invariants import examine
from tests.support.outbox import count, send_everything
from tests.support.processes import mail_server, sender_environment
from tests.support.uncertain import check_counters, choose, resolve, ripen

PEOPLE = 600


def _kill_a_sender(engine, run, server) -> int:
    """Kill it in the middle and send the rest; how many are uncertain."""
    environment = sender_environment(engine)
    process = engine.drainer_process(run, environment)
    while process.poll() is None and (not server.log.exists() or server.log.read_bytes().count(b"\n") < 100):
        pass
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "The sender had ended before it could be killed."
    engine.expire_leases(run)
    engine.send(run)
    assert engine.close(run) is not None
    uncertain = engine.totals(run).uncertain
    assert engine.totals(run).sent + uncertain == PEOPLE
    return uncertain


@pytest.mark.parametrize("policy", ["hold", "fail", "resend"])
def test_nobody_is_lost_and_doubles_are_among_those_flagged_only(make_engine, tmp_path, trial, policy):
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=PEOPLE, smtp_url=server.url)
        run = engine.planned(batch_size=20)
        choose(engine, policy)
        uncertain = _kill_a_sender(engine, run, server)
        ripen(engine)
        verdict = {"hold": Verdict.HOLD, "fail": Verdict.FAIL, "resend": Verdict.RESEND}[policy]
        assert resolve(engine) == ({verdict: uncertain} if uncertain else {})
        assert not resolve(engine)
        send_everything(engine, "email")
        accepted = server.accepted()
        twice = {recipient for recipient, times in accepted.items() if times > 1}
        check_counters(engine, run)
        found = examine(engine, run, accepted)
    trial.write(f"kill -9 of a sender, then the policy {policy}", 1, found)
    states = engine.states(run)
    flagged = count(engine, "SELECT count(*) FROM messages WHERE resends > 0")
    if policy == "resend":
        assert states == {"accepted": PEOPLE}
        assert set(accepted) == set(engine.recipients)
        assert (flagged, max(accepted.values()) <= 2) == (uncertain, True)
        doubles = "SELECT count(*) FROM messages WHERE resends > 0 AND recipient = ANY(ARRAY[{}]::text[])"
        assert count(engine, doubles.format(",".join(f"'{each}'" for each in twice))) == len(twice)
    else:
        assert (flagged, twice) == (0, set())
        assert states["failed" if policy == "fail" else "uncertain"] == uncertain
    assert found.resent == len(twice)

"""A sender that is killed in the middle, with nothing else done than what the courier does."""

import os
import signal

import pytest

from models.session import Role, role_url
from tests.support.processes import mail_server

WINDOW = 20


def _environment(engine) -> dict[str, str]:
    return {
        **os.environ,
        "EXOSEND_DATA_DIR": str(engine.settings.data_dir),
        "EXOSEND_ENGINE_DATABASE_URL": role_url(engine.settings, Role.ENGINE).render_as_string(hide_password=False),
        "EXOSEND_SMTP_URL": str(engine.settings.smtp_url),
    }


def _wait_for_accepted(server, process, at_least: int) -> None:
    """Until the mail server has that many, or the sender has ended."""
    while process.poll() is None and (not server.log.exists() or server.log.read_bytes().count(b"\n") < at_least):
        pass


@pytest.mark.parametrize("kills", [[100], [40, 300, 301]])
def test_everybody_is_accepted_once_or_flagged_uncertain(make_engine, tmp_path, kills):
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=1500, smtp_url=server.url)
        run = engine.planned(batch_size=WINDOW)
        killed = 0
        for at_least in kills:
            process = engine.drainer_process(run, _environment(engine))
            _wait_for_accepted(server, process, at_least)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "The sender had ended before it could be killed."
            killed += 1
            engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        accepted = server.accepted()
        uncertain = engine.totals(run).uncertain
        engine.check_invariants(run, accepted)
        assert uncertain <= 2 * WINDOW * killed
        assert engine.totals(run).sent + uncertain == 1500
        in_sink = accepted.total() - engine.totals(run).sent
        print(f"{killed} killed: {uncertain} uncertain, {in_sink} of them in the mail server's log")


def test_a_sender_that_is_told_to_end_leaves_nothing_uncertain(make_engine, tmp_path):
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=1500, smtp_url=server.url)
        run = engine.planned(batch_size=WINDOW)
        process = engine.drainer_process(run, _environment(engine))
        _wait_for_accepted(server, process, 200)
        process.terminate()
        assert process.wait(timeout=30) == 0
        sent = engine.totals(run).sent
        assert 200 <= sent < 1500
        assert engine.totals(run).uncertain == 0
        assert engine.send(run).accepted == 1500 - sent
        engine.check_invariants(run, server.accepted())

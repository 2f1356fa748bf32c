"""Nobody gets what they opted out of more than two seconds before, however slow the mail server is."""

from tasks.sending.tally import Tally
from tests.support.processes import mail_server


def _wait_for_accepted(server, sender, at_least: int) -> None:
    while sender.is_alive() and server.accepted().total() < at_least:
        sender.join(0.01)


def test_who_opts_out_while_a_long_window_is_out_gets_nothing(make_engine, tmp_path):
    with mail_server(tmp_path, "--delay", "100") as server:
        engine = make_engine(contacts=60, smtp_url=f"{server.url}&connections=1")
        run = engine.planned(batch_size=60)  # six seconds on one connection
        tally = Tally()
        sender = engine.send_in_thread(run, tally=tally)
        _wait_for_accepted(server, sender, 3)
        engine.suppress("c59@example.com")
        sender.join()
        assert "c59@example.com" not in server.accepted()
        assert (tally.accepted, tally.suppressed, tally.deferred) == (59, 1, 0)
        assert engine.close(run) is not None
        engine.check_invariants(run, server.accepted())

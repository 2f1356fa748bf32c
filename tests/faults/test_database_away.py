"""Postgres breaks its connections while a sender is at work."""

import threading

from sqlalchemy import text

from models.session import Database, Role
from tasks.sending.drain import Tally
from tests.support.processes import mail_server


def test_broken_connections_lose_nobody_and_double_nobody(make_engine, tmp_path, settings):
    breaker = Database(settings, Role.ENGINE, pool_size=1, application_name="breaker")
    with mail_server(tmp_path, "--delay", "1") as server:
        engine = make_engine(contacts=2000, smtp_url=server.url)
        run = engine.planned()
        tally = Tally()
        sender = engine.send_in_thread(run, tally=tally)
        broken = 0
        at = 100
        while sender.is_alive():
            if tally.accepted >= at:
                at += 300
                broken += _break_connections(breaker)
            threading.Event().wait(0.005)
        sender.join()
        assert broken > 0
        assert engine.close(run) is not None
        assert engine.totals(run).sent == 2000
        engine.check_invariants(run, server.accepted())
    breaker.close()


def _break_connections(breaker: Database) -> int:
    with breaker.transaction(None) as session:
        return session.execute(
            text(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).scalar_one()

"""Postgres breaks its connections, takes none or stops at once while a sender is at work."""

import threading

import psycopg
from psycopg import sql
from sqlalchemy import text

from models.session import Database, Role, role_url
from tasks.sending.tally import Tally
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.postgres import own_postgres
from tests.support.processes import LogTail, mail_server, sender_environment


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


def test_postgres_that_stops_at_once_again_and_again_loses_nobody(tmp_path, trial):
    people, stops = trial.of(short=(1500, 2), long=(60_000, 20))
    with own_postgres(tmp_path / "data") as server, mail_server(tmp_path, "--delay", "4") as mail:
        settings = server.settings.with_values(smtp_url=mail.url, chunk_size=500)
        database = Database(settings, Role.ENGINE, pool_size=4)
        engine = Engine.create(settings, database, contacts=people, credits_="5000")
        run = engine.planned()
        process = engine.drainer_process(run, sender_environment(engine))
        points = sorted(trial.chance.sample(range(1, people * 3 // 4), stops))
        tail = LogTail(mail.log)
        for point in points:
            tail.wait(point, alive=lambda: process.poll() is None)  # noqa: B023
            server.stop_at_once()
            server.start_again()
            if process.poll() is not None:  # it was away for longer than the lease
                engine.expire_leases(run)
                process = engine.drainer_process(run, sender_environment(engine))
        process.wait(timeout=900)
        database.close()  # its connections broke
        engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, mail.accepted())
        trial.write("Postgres stopped at once and started again", stops, found)
        assert found.uncertain <= 2 * 20 * stops
        database.close()


def test_a_database_that_takes_no_more_connections_for_a_while_loses_nobody(
    make_engine, tmp_path, settings, owner_url, trial
):
    people, times = trial.of(short=(2000, 3), long=(50_000, 40))
    breaker = Database(settings, Role.ENGINE, pool_size=1, application_name="breaker")
    name = sql.Identifier(role_url(settings, Role.ENGINE).database or "")
    with mail_server(tmp_path, "--delay", "2") as server, psycopg.connect(owner_url, autocommit=True) as owner:
        engine = make_engine(contacts=people, credits_="5000", smtp_url=server.url)
        run = engine.planned()
        _break_connections(breaker)  # it is connected, while one may
        process = engine.drainer_process(run, sender_environment(engine))
        tail = LogTail(server.log)
        for point in sorted(trial.chance.sample(range(1, people * 3 // 4), times)):
            tail.wait(point, alive=lambda: process.poll() is None)
            owner.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(name))
            _break_connections(breaker)
            threading.Event().wait(trial.chance.uniform(0.05, 1.0))
            owner.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))
        assert process.wait(timeout=900) == 0
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    breaker.close()
    trial.write("connections exhausted, and those that were open broken", times, found)
    assert found.uncertain == 0

"""The embedded PostgreSQL as a machine part: it starts, survives being killed, and stays off the network."""

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from deployments import postgres
from models.errors import SetupError


def _answer(cluster: postgres.Cluster, query: str) -> object:
    with psycopg.connect(cluster.url()) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_server_that_was_killed_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    running = postgres.start(tmp_path)
    try:
        with psycopg.connect(running.cluster.url()) as connection:
            connection.execute("CREATE TABLE kept (what text); INSERT INTO kept VALUES ('committed')")
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        assert (tmp_path / "postgres" / "data" / "postmaster.pid").exists()
        running = postgres.start(tmp_path)
        assert _answer(running.cluster, "SELECT what FROM kept") == "committed"
    finally:
        running.stop()


def test_a_server_that_still_runs_on_the_folder_is_ended_first(tmp_path: Path) -> None:
    first = postgres.start(tmp_path, durable=False)
    second = postgres.start(tmp_path, durable=False)
    try:
        assert first.process.wait(5) == 0
        assert _answer(second.cluster, "SELECT 1") == 1
    finally:
        second.stop()


def test_a_stale_pid_file_with_the_pid_of_a_stranger_ends_nobody(tmp_path: Path) -> None:
    postgres.start(tmp_path, durable=False).stop()
    stranger = psutil.Process().pid
    (tmp_path / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger}\n")
    running = postgres.start(tmp_path, durable=False)
    running.stop()
    assert psutil.pid_exists(stranger)


def test_it_listens_on_a_socket_only_and_asks_for_a_password(tmp_path: Path) -> None:
    running = postgres.start(tmp_path, durable=False)
    try:
        assert not psutil.Process(running.process.pid).net_connections("inet")
        assert _answer(running.cluster, "SHOW listen_addresses") == ""
        wrong = running.cluster.url().replace(running.cluster.password, "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert _answer(running.cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    finally:
        running.stop()


def test_a_data_folder_too_deep_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    running = postgres.start(tmp_path / ("deep" * 30), durable=False)
    try:
        assert _answer(running.cluster, "SELECT 1") == 1
        assert running.cluster.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        running.stop()
        running.cluster.socket_folder.rmdir()


def test_a_folder_in_a_closed_parent_works_and_the_parent_stays_as_it_was(tmp_path: Path) -> None:
    parent = tmp_path / "private"
    parent.mkdir(mode=0o700)
    running = postgres.start(parent / "stack", durable=False)
    try:
        assert _answer(running.cluster, "SELECT 1") == 1
    finally:
        running.stop()
    assert parent.stat().st_mode & 0o777 == 0o700


def test_data_of_another_major_version_is_named_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(SetupError, match="made by PostgreSQL 16"):
        postgres.prepare(tmp_path)
    assert (data / "PG_VERSION").read_text() == "16\n"

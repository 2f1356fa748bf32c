"""Signs of life: without one the courier starts a run again, or a flow that sends bulk SMS and batches."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.session import Database
from models.store.heartbeats import beat, stop_beating
from models.store.runs import say_alive

_EVERY_SECONDS = 5.0
_BEAT_SECONDS = 2.0


@contextmanager
def staying_alive(database: Database, run_id: UUID) -> Iterator[None]:
    """Say every few seconds that the run's flow lives, until the block ends."""
    with _repeating(database, lambda session: say_alive(session, run_id), _EVERY_SECONDS):
        yield


@contextmanager
def beating(database: Database, kind: str) -> Iterator[None]:
    """Say from now on, every two seconds, that this process does `kind`, until the block ends."""
    name = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    with database.transaction(None) as session:
        beat(session, name, kind, {})
    try:
        with _repeating(database, lambda session: beat(session, name, kind, {}), _BEAT_SECONDS):
            yield
    finally:
        with database.transaction(None) as session:
            stop_beating(session, name)


@contextmanager
def _repeating(database: Database, say: Callable[[Session], None], seconds: float) -> Iterator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            try:
                with database.transaction(None) as session:
                    say(session)
            except SQLAlchemyError:  # Postgres is away; the work itself will say so
                continue

    thread = threading.Thread(target=repeat, name="staying-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=seconds)

"""A sign of life while a flow plans: without one the courier starts the run again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from models.session import Database
from models.store.runs import say_alive

_EVERY_SECONDS = 5.0


@contextmanager
def staying_alive(database: Database, run_id: UUID) -> Iterator[None]:
    """Say every few seconds that the run's flow lives, until the block ends."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_EVERY_SECONDS):
            try:
                with database.transaction(None) as session:
                    say_alive(session, run_id)
            except SQLAlchemyError:  # Postgres is away; the plan itself will say so
                continue

    thread = threading.Thread(target=beat, name="staying-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_EVERY_SECONDS)

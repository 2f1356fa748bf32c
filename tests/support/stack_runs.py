"""The runs of a running stack, looked at from inside: with its database, and its mail server's log as the witness."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from deployments.connection import connected_settings
from deployments.sink_log import read_entries
from models.rules.ids import new_id
from models.session import Database, Role
from models.settings import load_settings
from tests.support.engine import Engine
from tests.support.invariants import Found, examine
from tests.support.stack import Stack

_POSITION = 8  # the last digits of a message's id; before them all messages of a run have the same


@contextmanager
def inside(stack: Stack) -> Iterator[Engine]:
    """The engine on the stack's own database, for the stack's organization."""
    settings = connected_settings(load_settings(data_dir=Path(stack.demo.environment["EXOSEND_DATA_DIR"])))
    database = Database(settings, Role.ENGINE)
    try:
        yield Engine(settings, database, UUID(stack.organization_id), new_id())
    finally:
        database.close()


def examine_campaigns(stack: Stack, campaign_ids: Sequence[str]) -> list[Found]:
    """What is found of campaigns that have ended. Raises unless each had one run."""
    accepted: dict[str, Counter[str]] = {}
    for entry in read_entries(stack.demo.accept_log):
        message = UUID(entry["message_id"].partition("@")[0]).hex
        accepted.setdefault(message[:-_POSITION], Counter())[entry["recipient"]] += 1
    found = []
    with inside(stack) as engine:
        for campaign_id in campaign_ids:
            with engine.database.transaction(None) as session:
                asked = text("SELECT id FROM runs WHERE campaign_id = :id")
                (run_id,) = session.execute(asked, {"id": campaign_id}).scalars().all()
                asked = text("SELECT id FROM messages WHERE run_id = :id LIMIT 1")
                message_id = session.execute(asked, {"id": run_id}).scalar_one()
            got = accepted.get(message_id.hex[:-_POSITION], Counter())
            found.append(examine(engine, engine.find(run_id), got))
    return found

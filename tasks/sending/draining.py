"""Sending all runs of a kind that wait, of all organizations, until there are none for a while."""

import dataclasses
import logging
import time
from collections.abc import Callable
from uuid import UUID

from models.rules.lifecycle import RunKind
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.loose_ends import Orphan, runs_to_drain
from tasks.runs.close import close_run
from tasks.sending.sender import Sender
from tasks.sending.tally import Tally

log = logging.getLogger(__name__)

_AT_ONCE = 20  # runs between two looks, so that organizations which came later have their turn
_LOOK_SECONDS = 0.25


@dataclasses.dataclass(slots=True)
class Drained:
    """What a draining sender did, by run."""

    runs: dict[UUID, Tally] = dataclasses.field(default_factory=dict)
    broken: set[UUID] = dataclasses.field(default_factory=set)  # left to the courier


def drain_runs(
    database: Database,
    settings: Settings,
    kind: RunKind,
    *,
    idle_seconds: float,
    stop: Callable[[], bool],
    drained: Drained,
) -> None:
    """Send and close runs of the kind until none has waited for `idle_seconds`, or until `stop` says so.

    `drained` is filled while it goes on.
    """
    with Sender(database, settings) as sender:
        _drain(database, sender, kind, idle_seconds, stop, drained)


def _drain(
    database: Database, sender: Sender, kind: RunKind, idle_seconds: float, stop: Callable[[], bool], drained: Drained
) -> None:
    worked_at = time.monotonic()
    while not stop():
        try:
            with database.transaction(None) as session:
                found = runs_to_drain(session, kind, limit=_AT_ONCE + len(drained.broken))
        except DATABASE_AWAY as error:
            log.warning("Postgres is away; looking again: %s", str(error).splitlines()[0])
            found = []
        waiting = [run for run in found if run.run_id not in drained.broken]
        for run in waiting:
            if stop():
                return
            _send(database, sender, run, stop, drained)
            worked_at = time.monotonic()
        if not waiting:
            if time.monotonic() - worked_at >= idle_seconds:
                return
            time.sleep(_LOOK_SECONDS)


def _send(database: Database, sender: Sender, run: Orphan, stop: Callable[[], bool], drained: Drained) -> None:
    tally = drained.runs.setdefault(run.run_id, Tally())
    try:
        sender.send(run.run_id, run.epoch, stop=stop, tally=tally)
        close_run(database, run.run_id)
    except Exception:  # one run that cannot be sent must not hold up those of everybody else
        log.exception("Run %s cannot be sent from here.", run.run_id)
        drained.broken.add(run.run_id)

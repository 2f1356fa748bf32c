"""Giving a place in a worker to those who have none."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from prefect import get_run_logger

from models.session import DATABASE_AWAY
from models.store.places import gives_way, queue_again
from models.store.runs import find_run
from tasks.steps.engine import flow_database

_LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Turn:
    """The time that a flow has its place for."""

    run_id: UUID
    epoch: int
    is_helper: bool = False
    _looks_at: float = field(default_factory=lambda: time.monotonic() + _LOOK_SECONDS)
    _is_over: bool = False

    def is_over(self) -> bool:
        """Whether somebody waits who has none; asks every few seconds."""
        if not self._is_over and time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + _LOOK_SECONDS
            try:
                with flow_database().transaction(None) as session:
                    self._is_over = gives_way(session, self.run_id, is_helper=self.is_helper)
            except DATABASE_AWAY:
                return False  # the sender waits for it as well
        return self._is_over

    def end(self) -> None:
        """After the sender has given everything back: have the campaign queued again, if its turn is over."""
        if not self._is_over or self.is_helper:
            return
        with flow_database().transaction(None) as session:
            run = find_run(session, self.run_id)
            if queue_again(session, run.organization_id, self.run_id, self.epoch):
                get_run_logger().info("A campaign of an organization without a place in a worker has its turn.")

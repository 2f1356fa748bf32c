"""The courier: the long-lived process that moves on what no flow does. `python -m deployments.courier`.

It sends single messages and small runs, and applies what providers reported, in threads of their own
(deployments/courier_*.py). Its other duties are in `tick`, in docs/architecture.md with their times. Any number of
couriers may run: whatever one does is a conditional UPDATE, or idempotent.
"""

import logging
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from api.starter import start_flow
from deployments.courier_bounces import BouncesThread
from deployments.courier_children import DRAINER, PACER, SETUP, Children
from deployments.courier_completion import Completion
from deployments.courier_domains import DomainsThread
from deployments.courier_drainers import DrainerStarts
from deployments.courier_guard import Guard
from deployments.courier_hours import due, fire
from deployments.courier_outbox import OutboxThreads
from deployments.courier_prefect import PrefectThread
from deployments.courier_removal import Removal
from deployments.courier_reports import ReportsThread
from deployments.courier_smpp import SmppThread
from deployments.courier_uncertain import UncertainDuty
from deployments.courier_webhooks import WebhooksThread
from deployments.environment import prefect_client_environment
from models.pipelines import DEPLOYMENTS, ImportContacts, SendCampaign, VerifyDomain, start_key
from models.rules.lifecycle import RunKind, RunState
from models.rules.pacing import is_paced
from models.session import DATABASE_AWAY, Database, Role
from models.settings import Settings, load_settings
from models.store import heartbeats, loose_ends
from models.store.chunks import requeue_due
from models.store.inspection import make_partitions_ahead
from models.store.runs import move_run, record_flow
from models.tables import Run
from tasks.runs.close import close_run
from tasks.runs.dead_senders import flag_dead_senders
from tasks.runs.results import store_results
from tasks.sending.outbox_journal import flag_lost

log = logging.getLogger("courier")
_T = TypeVar("_T")

_TICK_SECONDS = 0.25
_BEAT_SECONDS = 2.0
_START_AFTER_SECONDS = 2.0  # the API starts its flows itself; what is queued for longer it could not
_AWAY_SECONDS = 2.0
_IDLE_SECONDS = 10.0  # a flow that has planned begins to send within a second
_PARTITION_SECONDS = 6 * 3600.0
_MONTHS_AHEAD = 3
_LOST_SECONDS = 1.0


class Courier:
    """Looks for loose ends and ties them. `tick` does one round."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings, Role.ENGINE, application_name="exosend-courier")
        self._name = f"courier@{socket.gethostname()}:{os.getpid()}"
        self._children = Children()
        self._beat_at = 0.0
        self._start_at = 0.0
        self._is_away = False
        self._partitions_at = 0.0
        self._removal = Removal(self._database)
        self._lost_at = 0.0
        self._completion = Completion(self._database)
        self._guard = Guard(self._database)
        self._drainers = DrainerStarts(settings, self._database)
        self._outbox = OutboxThreads(settings, self._name)
        self._reports = ReportsThread(self._database)
        self._smpp = SmppThread(self._database, settings)
        self._domains = DomainsThread(self._database, settings)
        self._bounces = BouncesThread(self._database, settings)
        self._uncertain = UncertainDuty(settings, self._database)
        self._prefect = PrefectThread(self._database, settings)
        self._webhooks = WebhooksThread(self._database, settings)

    def start(self) -> None:
        """Begin to send the outbox, to apply reports and to tell of events; `tick` does the rest."""
        self._outbox.start()
        self._reports.start()
        self._smpp.start()
        self._domains.start()
        self._bounces.start()
        self._prefect.start()
        self._webhooks.start()

    def tick(self) -> None:
        """One round. A failure of one duty is logged and does not keep the others from being done."""
        duties: list[Callable[[], None]] = [
            self._beat,
            self._set_up_prefect,
            self._fire_scheduled,
            self._start_queued,
            self._drainers.start_missing,
            self._flag_lost,
            self._uncertain.resolve_due,
            self._retry_deferred,
            self._adopt_orphans,
            self._see_to_paced,
            self._close,
            self._completion.complete_campaigns,
            self._guard.pause_campaigns,
            self._write_results,
            self._make_partitions,
            self._removal.remove_old,
        ]
        for duty in duties:
            try:
                duty()
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
                return
            except Exception:
                log.exception("%s failed; it is tried again.", duty.__name__)

    def stop(self) -> None:
        """End the threads and children, which give back what they have, and say goodbye."""
        self._outbox.ask_to_stop()
        self._reports.ask_to_stop()
        self._smpp.ask_to_stop()
        self._domains.ask_to_stop()
        self._bounces.ask_to_stop()
        self._prefect.ask_to_stop()
        self._webhooks.ask_to_stop()
        self._children.end()
        self._outbox.stop()
        self._reports.stop()
        self._smpp.stop()
        self._domains.stop()
        self._bounces.stop()
        self._prefect.stop()
        self._webhooks.stop()
        try:
            with self._database.transaction(None) as session:
                heartbeats.stop_beating(session, self._name)
        except DATABASE_AWAY:
            log.info("Postgres is gone already.")
        self._database.close()

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at < _BEAT_SECONDS:
            return
        self._beat_at = time.monotonic()
        with self._database.transaction(None) as session:
            heartbeats.beat(session, self._name, "courier", {"children": len(self._children)})

    def _set_up_prefect(self) -> None:
        if self._prefect.must_set_up() and self._children.start(
            SETUP, environment=prefect_client_environment(self._settings)
        ):
            log.warning("Prefect does not know the work pool or a deployment; they are applied again.")

    def _fire_scheduled(self) -> None:
        _each(due(self._database), lambda campaign: fire(self._database, self._settings, campaign))

    def _start_queued(self) -> None:
        if time.monotonic() < self._start_at:
            return
        with self._database.transaction(None) as session:
            waiting = list(loose_ends.runs_to_start(session, queued_for_seconds=_START_AFTER_SECONDS))
        random.shuffle(waiting)  # so that one which cannot be started is not always the first
        self._is_away = False
        _each(waiting, self._start)
        if self._is_away:
            self._start_at = time.monotonic() + _AWAY_SECONDS

    def _start(self, run: Run) -> None:
        # Once for all: a Prefect that hangs takes a second for each, in which nothing else is done.
        flow_run_id = None if self._is_away else self._start_flow(run)
        if flow_run_id is None:
            self._is_away = True
            self._go_on_without_prefect(run)
            return
        with self._database.transaction(None) as session:
            record_flow(session, run.organization_id, run.id, flow_run_id, run.epoch)
        log.info("Started %s for run %s.", DEPLOYMENTS[RunKind(run.kind)], run.id)

    def _start_flow(self, run: Run) -> UUID | None:
        kind = RunKind(run.kind)
        parameters: ImportContacts | SendCampaign | VerifyDomain
        if kind is RunKind.IMPORT:
            parameters = ImportContacts(import_id=run.id)
        elif kind is RunKind.VERIFY_DOMAIN:
            parameters = VerifyDomain(run_id=run.id)
        else:
            assert run.campaign_id is not None
            parameters = SendCampaign(campaign_id=run.campaign_id, run_id=run.id, epoch=run.epoch)
        key = start_key(run.id, run.epoch)
        return start_flow(self._settings, DEPLOYMENTS[kind], parameters, idempotency_key=key)

    def _go_on_without_prefect(self, run: Run) -> None:
        """A run that was resumed is planned already: of what a flow would do only the sending is left."""
        if run.planned_at is None:
            return
        with self._database.transaction(None) as session:
            going = move_run(session, run.organization_id, run.id, RunState.SENDING, Run.epoch == run.epoch)
        if going and not is_paced(run.send_rate_per_minute):
            self._children.start(DRAINER, str(run.id), str(run.epoch))  # else adopted some seconds later

    def _flag_lost(self) -> None:
        if time.monotonic() < self._lost_at:
            return
        self._lost_at = time.monotonic() + _LOST_SECONDS
        if lost := flag_lost(self._database):
            log.warning("%s messages of a courier that is gone are uncertain.", lost)
        if lost := flag_dead_senders(self._database):
            log.warning("%s messages of dead senders of paused runs are uncertain.", lost)

    def _retry_deferred(self) -> None:
        with self._database.transaction(None) as session:
            due = loose_ends.runs_with_due_deferrals(session)
        _each(due, self._requeue)

    def _requeue(self, run_id: UUID) -> None:
        with self._database.transaction(None) as session:
            moved = requeue_due(session, run_id, limit=self._settings.chunk_size)
        log.info("Run %s: %s messages are tried again.", run_id, moved)

    def _adopt_orphans(self) -> None:
        with self._database.transaction(None) as session:
            orphans = loose_ends.orphaned_runs(session, idle_seconds=_IDLE_SECONDS)
        for orphan in orphans:
            if self._children.start(DRAINER, str(orphan.run_id), str(orphan.epoch)):
                log.warning("Run %s has chunks without a sender; they are sent from here.", orphan.run_id)

    def _see_to_paced(self) -> None:
        with self._database.transaction(None) as session:
            waiting = loose_ends.runs_to_pace(session, limit=1)
        if waiting and self._children.start(PACER, str(os.getpid())):
            log.info("Started the pacer.")

    def _close(self) -> None:
        with self._database.transaction(None) as session:
            ready = loose_ends.runs_to_close(session)
        _each(ready, self._close_run)

    def _close_run(self, run_id: UUID) -> None:
        closed = close_run(self._database, run_id)
        if closed is not None:
            log.info("Run %s is %s; refunded %s.", run_id, closed.state.value, closed.refunded)

    def _make_partitions(self) -> None:
        if time.monotonic() < self._partitions_at:
            return
        with self._database.transaction(None) as session:
            made = make_partitions_ahead(session, months=_MONTHS_AHEAD)
        self._partitions_at = time.monotonic() + _PARTITION_SECONDS
        if made:
            log.info("Made %s partitions ahead.", made)

    def _write_results(self) -> None:
        with self._database.transaction(None) as session:
            missing = loose_ends.runs_without_results(session)
        _each(missing, lambda run_id: store_results(self._database, run_id))


def _each(items: Iterable[_T], work: Callable[[_T], object]) -> None:
    """Do the work for each; one that fails is logged and does not keep the others waiting."""
    for item in items:
        try:
            work(item)
        except DATABASE_AWAY:
            raise
        except Exception:
            log.exception("One of several failed; it is tried again.")


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    courier = Courier(load_settings())
    courier.start()
    log.info("The courier is on its way.")
    try:
        while not stop.wait(_TICK_SECONDS):
            courier.tick()
    finally:
        courier.stop()


if __name__ == "__main__":
    main()

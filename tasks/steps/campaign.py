"""The phases of a campaign as Prefect tasks. A task is a phase, never a message (a task run costs 5–60 ms)."""

import dataclasses
import threading
import time
from uuid import UUID

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from models.store.chunks import open_work
from models.store.runs import find_run, rests
from models.tables import Run
from tasks.runs.accept_from_prefect import accept_from_prefect, seconds_early
from tasks.runs.alive import staying_alive
from tasks.runs.close import close_run
from tasks.runs.plan import Planned, plan_campaign
from tasks.runs.results import store_results
from tasks.sending.sender import send_run
from tasks.sending.tally import Tally
from tasks.steps.engine import flow_database, flow_settings, served_run
from tasks.steps.places import Turn
from tasks.steps.reports import Progress, publish_funnel, publish_results

_POLL_SECONDS = 0.5
# Waiting longer for second tries would hold 100 MB of process: the courier sends them and closes the run.
_WAIT_FOR_RETRY_SECONDS = 60.0
_STOP_SECONDS = 15.0
# Lines of the log that say when a phase's own work was done; what a task does after them is for Prefect.
PLANNED = "Planned"
SENT = "This sender"
RESULTS = "The results are written"


@task(name="accept", cache_policy=NO_CACHE)
def accept(campaign_id: UUID) -> tuple[UUID, int]:
    """Accept what was started or scheduled in Prefect; returns run and epoch. Its errors say what is missing."""
    flow_run_id = UUID(flow_run.id) if flow_run.id else None
    with flow_database().transaction(None) as session:
        early = seconds_early(session, campaign_id)
    time.sleep(early)
    with flow_database().transaction(None) as session:
        return accept_from_prefect(session, campaign_id, flow_run_id, flow_settings())


@task(name="plan", cache_policy=NO_CACHE)
def plan(run_id: UUID) -> Planned | None:
    """Work out who gets what, and pay for it."""
    database = flow_database()
    with database.transaction(None) as session:
        run = served_run(session, run_id)
    with staying_alive(database, run_id):
        planned = plan_campaign(database, run_id, flow_settings())
    if planned is not None and planned.funnel is not None:
        get_run_logger().info("%s: %s recipients in %s chunks.", PLANNED, f"{planned.recipients:,}", planned.chunks)
        publish_funnel(run, planned)
    return planned


@task(name="send", cache_policy=NO_CACHE)
def send(run_id: UUID, epoch: int, is_helper: bool = False) -> Tally:
    """Send what is free to be sent, showing progress; on SIGTERM or a cancel everything is recorded and given back.

    The same where a campaign of an organization that has no place in a worker waits for one; this one is queued again
    then, unless this is one of its helpers.
    """
    stop = threading.Event()
    turn = Turn(run_id, epoch, is_helper)
    tally = Tally()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            send_run(flow_database(), flow_settings(), run_id, epoch, stop=stop.is_set, tally=tally)
        except BaseException as error:
            failure.append(error)

    # A thread of its own: Prefect raises into the main one when the run is cancelled or its worker ends.
    sender = threading.Thread(target=work, name="sender")
    sender.start()
    progress = Progress(flow_database(), run_id)
    try:
        while sender.is_alive():
            sender.join(timeout=_POLL_SECONDS)
            progress.show()
            if turn.is_over():
                stop.set()
    finally:
        stop.set()
        sender.join(timeout=_STOP_SECONDS)
    counts = dataclasses.asdict(tally)
    get_run_logger().info("%s: %s.", SENT, ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    progress.show(last=True)
    if failure:
        raise failure[0]
    turn.end()
    return tally


@task(name="close", cache_policy=NO_CACHE)
def close(run_id: UUID, epoch: int) -> str:
    """Wait for the other senders, end the run, write its results; returns how it stands."""
    database = flow_database()
    while True:
        close_run(database, run_id)
        with database.transaction(None) as session:
            run = find_run(session, run_id)
            left = open_work(session, run_id)
            is_resting = rests(session, run_id)
        if run.finished_at is not None:
            _report(run)  # whoever ended it, this flow or the courier
        if run.state not in ("sending", "closing") or run.epoch != epoch:
            return run.state
        if left.ready and run.state == "sending":
            return "resting" if is_resting else "open"  # the courier has it sent when its provider is tried again
        if not (left.ready or left.leased) and (left.next_retry_seconds or 0) > _WAIT_FOR_RETRY_SECONDS:
            get_run_logger().info("%s messages wait for another try; the courier sends them.", left.deferred)
            return "deferred"
        time.sleep(_POLL_SECONDS)


def _report(run: Run) -> None:
    if run.planned_at is not None:
        store_results(flow_database(), run.id)
        get_run_logger().info("%s.", RESULTS)
        publish_results(flow_database(), run.id)

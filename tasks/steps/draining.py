"""Draining flows as a Prefect task: what they send, and the table that shows it."""

import threading
from collections.abc import Callable
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from models.pipelines import DEPLOYMENTS
from models.rules.lifecycle import RunKind
from models.store.organizations import read_organization
from tasks.runs.alive import beating
from tasks.sending.draining import Drained, drain_runs
from tasks.sending.tally import Tally
from tasks.steps.best_effort import best_effort
from tasks.steps.engine import flow_database, flow_settings, served_run

_POLL_SECONDS = 0.5
_STOP_SECONDS = 15.0
_SHOWN_MAX = 500  # rows: a table of more is read by nobody


@task(name="drain", cache_policy=NO_CACHE)
def drain(kind: RunKind, idle_seconds: float) -> tuple[int, int]:
    """Send what waits of the kind; on SIGTERM or a cancel everything is recorded and given back.

    Returns the number of runs and of accepted messages.
    """
    stop = threading.Event()
    drained = Drained()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            with beating(flow_database(), DEPLOYMENTS[kind]):
                drain_runs(
                    flow_database(),
                    flow_settings(),
                    kind,
                    idle_seconds=idle_seconds,
                    stop=stop.is_set,
                    drained=drained,
                )
        except BaseException as error:
            failure.append(error)

    # A thread of its own: Prefect raises into the main one when the flow is cancelled or its worker ends.
    sender = threading.Thread(target=work, name="sender")
    sender.start()
    try:
        while sender.is_alive():
            sender.join(timeout=_POLL_SECONDS)
    finally:
        stop.set()
        sender.join(timeout=_STOP_SECONDS)
        if drained.runs:
            _publish(kind, drained)
    if failure:
        raise failure[0]
    accepted = sum(tally.accepted for tally in drained.runs.values())
    get_run_logger().info("%s runs, %s messages accepted.", f"{len(drained.runs):,}", f"{accepted:,}")
    return len(drained.runs), accepted


@best_effort()
def _publish(kind: RunKind, drained: Drained) -> None:
    """The runs that this flow sent, by organization, and which flow run served them in the database."""
    rows = []
    name_of = _names()
    for run_id, tally in list(drained.runs.items())[-_SHOWN_MAX:]:
        rows.append({"organization": name_of(run_id), "run": str(run_id), **_numbers(tally)})
    rows.sort(key=lambda row: (row["organization"], row["run"]))
    create_table_artifact(
        key=f"sent-{kind.value}",
        table=rows,
        description=f"{flow_run.name}: {len(drained.runs):,} runs, by organization"
        + (f"; the last {_SHOWN_MAX} are shown" if len(drained.runs) > _SHOWN_MAX else ""),
    )


def _names() -> Callable[[UUID], str]:
    known: dict[UUID, str] = {}

    def name_of(run_id: UUID) -> str:
        with flow_database().transaction(None) as session:
            run = served_run(session, run_id)
            if run.organization_id not in known:
                known[run.organization_id] = read_organization(session, run.organization_id).name
        return known[run.organization_id]

    return name_of


def _numbers(tally: Tally) -> dict[str, int]:
    return {
        "accepted": tally.accepted,
        "failed": tally.failed,
        "suppressed": tally.suppressed,
        "uncertain": tally.uncertain,
        "deferred": tally.deferred,
    }

"""Runs whose flow gave no sign of life before there was anything to lease: started again, if Prefect agrees.

A flow run may wait in Prefect's queue for an hour. It has to: another start would wait behind it, and be needless.
"""

import logging
from collections.abc import Mapping
from uuid import UUID

import httpx2

from models.session import Database
from models.settings import Settings
from models.store.loose_ends import SilentRun, leave_waiting, requeue_stuck, silent_runs
from tasks.runs.prefect_flows import CANCELLED, MOST, STARTED, WAITING, InPrefect, states_in_prefect

log = logging.getLogger(__name__)

_ASK_AFTER_SECONDS = 20.0
# From Pending to its first sign a flow run takes 1–12 s, on a loaded machine 55. What was killed says Running for ever.
_DEAD_AFTER_SECONDS = 90.0


def restart_stuck(database: Database, settings: Settings) -> list[UUID]:
    """Queue silent runs again, one epoch later, unless their flow runs wait or have just begun; returns their ids.

    One request to Prefect for all of them. Raises httpx2.HTTPError when it is away: then those go on that are planned
    already, since a start that fails has them sent without a flow, and the others wait.
    """
    with database.transaction(None) as session:
        silent = silent_runs(session, silent_for_seconds=_ASK_AFTER_SECONDS, limit=MOST // 2)
    if not silent:
        return []
    try:
        states = states_in_prefect(settings, [flow for run in silent for flow in run.flow_run_ids])
    except httpx2.HTTPError:
        _restart(database, [run for run in silent if run.is_planned and _is_dead(run)])
        raise
    waiting = [run for run in silent if _said(run, states) & {*WAITING}]
    with database.transaction(None) as session:
        for run in waiting:
            leave_waiting(session, run)
    return _restart(database, [run for run in silent if run not in waiting and _is_over(run, states)])


def _restart(database: Database, runs: list[SilentRun]) -> list[UUID]:
    with database.transaction(None) as session:
        restarted = [run.run_id for run in runs if requeue_stuck(session, run)]
    for run_id in restarted:
        log.warning("Run %s gave no sign of life; it is started again.", run_id)
    return restarted


def _said(run: SilentRun, states: Mapping[UUID, InPrefect]) -> set[str]:
    return {states[flow].state for flow in run.flow_run_ids if flow in states}


def _is_over(run: SilentRun, states: Mapping[UUID, InPrefect]) -> bool:
    """Whether nothing will come of the run's flow runs: they ended, are unknown to Prefect, or died as they were."""
    if run.is_campaign and _said(run, states) & {*CANCELLED}:
        return False  # a person's word: it cancels the campaign
    begun = [states[flow] for flow in run.flow_run_ids if flow in states and states[flow].state in STARTED]
    return not begun or (_is_dead(run) and all(flow.seconds >= _DEAD_AFTER_SECONDS for flow in begun))


def _is_dead(run: SilentRun) -> bool:
    return run.seconds >= _DEAD_AFTER_SECONDS * run.epoch

"""What a person cancels in Prefect's UI is cancelled here: asked over HTTP, without importing Prefect.

A flow run that fails, crashes or whose worker ends says nothing about the campaign: somebody else goes on with it.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

import httpx2

from models.errors import IllegalState
from models.rules.lifecycle import RunState
from models.session import Database
from models.store.organizations import audit
from models.store.runs import find_run
from models.tables import RunFlow
from tasks.runs.control import cancel_campaign

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 1.0
_CANCELLED = ("CANCELLING", "CANCELLED")
_OVER = (RunState.CLOSING, RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED)


def cancelled_in_prefect(prefect_url: str, flow_run_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the flow runs that Prefect says are cancelled, or being cancelled, by one request.

    Raises httpx2.HTTPError when Prefect is away, which says nothing about them.
    """
    if not flow_run_ids:
        return set()
    answer = httpx2.post(
        f"{prefect_url}/flow_runs/filter",
        json={
            "flow_runs": {
                "id": {"any_": [str(id_) for id_ in flow_run_ids]},
                "state": {"type": {"any_": list(_CANCELLED)}},
            }
        },
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
    )
    return {UUID(flow_run["id"]) for flow_run in answer.raise_for_status().json()}


def reflect_cancels(database: Database, prefect_url: str, flows: Sequence[RunFlow]) -> list[UUID]:
    """Cancel the campaigns of those flow runs that were cancelled in Prefect; returns their runs.

    What is unsent is refunded when the run is closed. Raises httpx2.HTTPError when Prefect is away.
    """
    cancelled = cancelled_in_prefect(prefect_url, [flow.flow_run_id for flow in flows])
    return [flow.run_id for flow in flows if flow.flow_run_id in cancelled and _cancel(database, flow)]


def _cancel(database: Database, flow: RunFlow) -> bool:
    try:
        with database.transaction(None) as session:
            run = find_run(session, flow.run_id)
            # An older start is no campaign's any more: it was paused and resumed, or started again, since.
            if run.epoch != flow.epoch or run.campaign_id is None or run.state in _OVER:
                return False
            cancel_campaign(session, run.organization_id, run.campaign_id)
            audit(
                session,
                run.organization_id,
                actor="prefect",
                action="campaign.cancelled",
                subject=str(run.campaign_id),
                details={"flow_run_id": str(flow.flow_run_id)},
            )
    except IllegalState:  # it has ended meanwhile
        return False
    log.info("The campaign of run %s was cancelled in Prefect.", flow.run_id)
    return True

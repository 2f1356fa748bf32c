"""What a person cancels in Prefect's UI is cancelled here.

A flow run that fails, crashes or whose worker ends says nothing about the campaign: somebody else goes on with it.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from models.errors import IllegalState
from models.rules.lifecycle import RunState
from models.session import Database
from models.settings import Settings
from models.store.organizations import audit
from models.store.runs import find_run
from models.tables import RunFlow
from tasks.runs.control import cancel_campaign
from tasks.runs.prefect_flows import CANCELLED, states_in_prefect

log = logging.getLogger(__name__)

_OVER = (RunState.CLOSING, RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED)


def reflect_cancels(database: Database, settings: Settings, flows: Sequence[RunFlow]) -> list[UUID]:
    """Cancel the campaigns of those flow runs that were cancelled in Prefect; returns their runs.

    What is unsent is refunded when the run is closed. Raises httpx2.HTTPError when Prefect is away.
    """
    cancelled = states_in_prefect(settings, [flow.flow_run_id for flow in flows], of=CANCELLED)
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

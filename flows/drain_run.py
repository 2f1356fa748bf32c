"""Help to send a run that another flow has planned."""

from uuid import UUID

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed

from flows.naming import name_by_run
from tasks.steps.campaign import send


@flow(name="drain-run", flow_run_name=name_by_run, persist_result=False)
def drain_run(
    run_id: UUID,
    epoch: int,
) -> State:
    """One more sender for a run: takes chunks until none is left. Started by send-campaign for large audiences.

    Args:
        run_id: Id of a run that is being sent.
        epoch: How often the run was started: an older start does nothing.
    """
    tally = send(run_id, epoch, is_helper=True)
    return Completed(message=f"{tally.chunks} chunks, {tally.accepted} accepted.")

"""Send a campaign: accept, plan, send, close."""

from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.schemas import State
from prefect.deployments import run_deployment
from prefect.states import Cancelled, Completed, Failed

from flows.naming import name_by_campaign
from models.errors import ExoSendError
from models.pipelines import DRAIN_RUN, start_key
from models.store.runs import find_run
from tasks.audience.chunking import CHUNKS_PER_DRAINER
from tasks.steps.campaign import accept, close, plan, send
from tasks.steps.cancelling import reflecting_cancels
from tasks.steps.engine import flow_database, flow_settings


@flow(name="send-campaign", flow_run_name=name_by_campaign, persist_result=False)
def send_campaign(
    campaign_id: UUID,
    run_id: UUID | None = None,
    epoch: int | None = None,
) -> State:
    """Send a campaign, of email or SMS, to its audience.

    Start it here with the id of a draft, or schedule it: the audience is counted and its cost held, then every
    recipient gets one message. What happened is under Artifacts: the funnel, the progress, the delivery stats.

    Args:
        campaign_id: Id of the campaign to send: a draft, or one that is scheduled.
        run_id: Leave empty. Filled in when the API accepted the campaign already.
        epoch: Leave empty. How often the run was started: an older start ends at once.
    """
    try:
        if run_id is None or epoch is None:
            run_id, epoch = accept(campaign_id)
        elif not _is_current(run_id, epoch):
            return Completed(message="This start is out of date: the run was started again, or has ended.")
        with reflecting_cancels(run_id, epoch):
            return _send(run_id, epoch)
    except ExoSendError as error:
        return Failed(message=str(error))


def _send(run_id: UUID, epoch: int) -> State:
    planned = plan(run_id)
    if planned is None:
        close(run_id, epoch)
        return Cancelled(message="The campaign was cancelled before it was planned.")
    if planned.is_paced:
        return Completed(message="Paced: the courier sends it at its rate, and no process waits here.")
    _start_helpers(run_id, epoch, planned.chunks)
    state = "open"
    while state == "open":
        send(run_id, epoch)
        state = close(run_id, epoch)
    if state == "cancelled":
        return Cancelled(message="The campaign was cancelled; what was unsent is refunded.")
    if state == "paused":
        return Completed(message="Paused; what is unsent goes on in another flow run when the campaign is resumed.")
    if state == "queued":
        return Completed(message="Another organization's campaign has its turn; this one goes on in another flow run.")
    return Completed(message=f"The campaign's run is {state}.")


def _is_current(run_id: UUID, epoch: int) -> bool:
    with flow_database().transaction(None) as session:
        run = find_run(session, run_id)
    return run.epoch == epoch and run.finished_at is None


def _start_helpers(run_id: UUID, epoch: int, chunks: int) -> None:
    """Further senders for a large run; any worker on any machine takes them. Without them this flow sends alone."""
    helpers = min(flow_settings().drainers, chunks // CHUNKS_PER_DRAINER) - 1
    for number in range(helpers):
        try:
            run_deployment(
                DRAIN_RUN,
                parameters={"run_id": str(run_id), "epoch": epoch},
                timeout=0,
                as_subflow=False,
                idempotency_key=f"{start_key(run_id, epoch)}:{number}",
            )
        except Exception:  # Prefect's server restarts, or does not know the deployment
            get_run_logger().warning("A further sender could not be started.", exc_info=True)
            return
    if helpers > 0:
        get_run_logger().info("Started %s more senders.", helpers)

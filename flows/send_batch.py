"""Send batches of email, of all organizations."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed
from pydantic import Field

from flows.naming import name_by_time
from models.rules.lifecycle import RunKind
from tasks.steps.draining import drain


@flow(name="send-batch", flow_run_name=name_by_time, persist_result=False)
def send_batch(
    idle_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0,
) -> State:
    """Send the batches of email that wait, of all organizations, and go on until there is nothing to do for a while.

    ExoSend starts it by itself when there is something to send; a start by hand does no harm. What it sent is under
    Artifacts, by organization.

    Args:
        idle_seconds: End after so many seconds without work.
    """
    runs, accepted = drain(RunKind.BATCH, idle_seconds)
    return Completed(message=f"{runs:,} runs, {accepted:,} messages accepted.")

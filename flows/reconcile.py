"""Compare what must be the same: ledger and balance, money and messages, counters and what they count."""

from typing import Annotated
from uuid import UUID

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.naming import name_by_organization
from models.errors import NotFound
from tasks.steps.reconcile import compare_all


@flow(name="reconcile", flow_run_name=name_by_organization, persist_result=False)
def reconcile(
    organization_id: UUID | None = None,
    days: Annotated[int, Field(ge=1, le=36500)] = 35,
) -> State:
    """Compare what must be the same, and end as Failed where it is not: every entry of the ledger, what runs and
    messages cost and were charged, every counter with what it counts, every message with its place.

    It changes nothing, and may run while messages are sent. It runs every night; what was compared and what differs
    is under Artifacts.

    Args:
        organization_id: Only this organization. Leave it empty for all.
        days: How many days back messages are counted anew. Credits are compared over all time.
    """
    try:
        reconciled = compare_all(organization_id, days)
    except NotFound:
        return Failed(message=f"There is no organization {organization_id}.")
    if reconciled.is_clean:
        return Completed(message=f"Every law holds: {reconciled.summary}.")
    return Failed(message=f"Not everything adds up: {reconciled.summary}.")

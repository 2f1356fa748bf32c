"""Verify an email domain."""

from uuid import UUID

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from flows.naming import name_by_verification
from tasks.steps.domains import verify


@flow(name="verify-domain", flow_run_name=name_by_verification, persist_result=False)
def verify_domain(
    run_id: UUID,
) -> State:
    """Look up a domain's SPF, DKIM and DMARC in DNS: verified when all three hold.

    Args:
        run_id: Id of the run; the API made it when the check was asked for.
    """
    verdict = verify(run_id)
    if verdict is None:
        return Completed(message="There was nothing to check any more.")
    if verdict.findings is None:
        return Failed(message=f"DNS gave no answer; {verdict.domain} is {verdict.status}, as before.")
    return Completed(message=f"{verdict.domain} is {verdict.status}.")

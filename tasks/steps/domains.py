"""The check of a domain as a Prefect task."""

from uuid import UUID

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from models.store.runs import find_run, record_flow
from tasks.domains.verifying import Verdict, run_verification
from tasks.runs.alive import staying_alive
from tasks.steps.engine import flow_database, flow_settings


@task(name="verify", cache_policy=NO_CACHE)
def verify(run_id: UUID) -> Verdict | None:
    """Ask DNS for the records of the run's domain, and show which hold; None when there is nothing to do any more."""
    database = flow_database()
    with database.transaction(None) as session:
        run = find_run(session, run_id)
        if flow_run.id:
            record_flow(session, run.organization_id, run_id, UUID(flow_run.id), run.epoch)
    with staying_alive(database, run_id):
        verdict = run_verification(database, run_id, flow_settings())
    if verdict is not None and verdict.findings is not None:
        create_table_artifact(
            key=f"domain-{run_id}",
            table=[
                {"record": "SPF", "holds": verdict.findings.spf},
                {"record": "DKIM", "holds": verdict.findings.dkim},
                {"record": "DMARC", "holds": verdict.findings.dmarc},
            ],
            description=f"{verdict.domain}: {verdict.status}",
        )
    return verdict

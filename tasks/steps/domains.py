"""The check of a domain as a Prefect task."""

from uuid import UUID

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.domains.verifying import Verdict, run_verification
from tasks.runs.alive import staying_alive
from tasks.steps.best_effort import best_effort
from tasks.steps.engine import flow_database, flow_settings, served_run


@task(name="verify", cache_policy=NO_CACHE)
def verify(run_id: UUID) -> Verdict | None:
    """Ask DNS for the records of the run's domain, and show which hold; None when there is nothing to do any more."""
    database = flow_database()
    with database.transaction(None) as session:
        served_run(session, run_id)
    with staying_alive(database, run_id):
        verdict = run_verification(database, run_id, flow_settings())
    if verdict is not None and verdict.findings is not None:
        with best_effort():
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

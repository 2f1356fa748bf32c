"""The database of a flow run's process, and the run that it serves."""

from functools import cache
from uuid import UUID

from prefect.runtime import flow_run
from sqlalchemy.orm import Session

from models.session import Database, Role
from models.settings import Settings, load_settings
from models.store.runs import find_run, record_flow
from models.tables import Run


@cache
def flow_settings() -> Settings:
    """The settings, read when the flow first asks."""
    return load_settings()


@cache
def flow_database() -> Database:
    """Connections as exosend_engine, kept for the process."""
    return Database(flow_settings(), Role.ENGINE, pool_size=6, application_name="exosend-flow")


def served_run(session: Session, run_id: UUID) -> Run:
    """The run, of which it is remembered that this flow run serves it. Raises NotFound."""
    run = find_run(session, run_id)
    if flow_run.id:
        record_flow(session, run.organization_id, run_id, UUID(flow_run.id), run.epoch)
    return run

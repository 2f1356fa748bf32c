"""Names of flow runs: organization and campaign, so that a list of runs can be read."""

from datetime import UTC, datetime
from uuid import UUID

from prefect.runtime import flow_run

from models.errors import NotFound
from models.pipelines import campaign_run_name
from models.store.campaign_states import find_campaign
from models.store.email_domains import domain_to_verify
from models.store.organizations import read_organization
from models.store.runs import find_run
from tasks.steps.engine import flow_database


def name_by_campaign() -> str:
    """The name of a run of send-campaign: `Acme · January`, `Acme · Sale (SMS)`; with `#2` when it was resumed."""
    parameters = flow_run.parameters
    epoch = parameters.get("epoch") or 1
    try:
        with flow_database().transaction(None) as session:
            campaign = find_campaign(session, UUID(str(parameters["campaign_id"])))
            organization = read_organization(session, campaign.organization_id)
    except NotFound:
        return f"unknown campaign {parameters['campaign_id']}"
    return campaign_run_name(organization.name, campaign.name, campaign.channel, epoch)


def name_by_run() -> str:
    """The name of a run of drain-run: what it helps with."""
    with flow_database().transaction(None) as session:
        run = find_run(session, UUID(str(flow_run.parameters["run_id"])))
        organization = read_organization(session, run.organization_id)
        campaign = find_campaign(session, run.campaign_id) if run.campaign_id else None
    return f"{organization.name} · {campaign.name if campaign else run.kind} · sender"


def name_by_import() -> str:
    """The name of a run of import-contacts: whose contacts."""
    with flow_database().transaction(None) as session:
        run = find_run(session, UUID(str(flow_run.parameters["import_id"])))
        organization = read_organization(session, run.organization_id)
    return f"{organization.name} · contacts"


def name_by_verification() -> str:
    """The name of a run of verify-domain: whose domain."""
    run_id = UUID(str(flow_run.parameters["run_id"]))
    with flow_database().transaction(None) as session:
        organization = read_organization(session, find_run(session, run_id).organization_id)
        domain = domain_to_verify(session, run_id)
    return f"{organization.name} · {domain.domain if domain else 'a domain that is gone'}"


def name_by_organization() -> str:
    """The name of a run of reconcile: of whom, and when."""
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if (organization_id := flow_run.parameters.get("organization_id")) is None:
        return f"reconcile · all organizations · {at}"
    try:
        with flow_database().transaction(None) as session:
            return f"{read_organization(session, UUID(str(organization_id))).name} · reconcile · {at}"
    except NotFound:
        return f"unknown organization {organization_id}"


def name_by_time() -> str:
    """The name of a run of send-bulk or send-batch, which serve all organizations: since when."""
    return f"{flow_run.flow_name} · since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"

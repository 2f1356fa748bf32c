"""Which deployment of Prefect does what, and with which parameters. A test holds prefect.yaml and the flows to it."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel, Field

from models.rules.lifecycle import Channel, RunKind


class SendCampaign(BaseModel):
    """Parameters of send-campaign. Without a run, the flow accepts the campaign itself: a start from Prefect's UI."""

    campaign_id: UUID = Field(description="The campaign to send: a draft, or one that is scheduled.")
    run_id: UUID | None = Field(None, description="Its run, when the API or the courier accepted it already.")
    epoch: int | None = Field(None, description="How often the run was started; an older one ends at once.")


class DrainRun(BaseModel):
    """Parameters of drain-run: one more sender for a run that is being sent."""

    run_id: UUID = Field(description="The run to help with.")
    epoch: int = Field(description="How often the run was started; an older one ends at once.")


class ImportContacts(BaseModel):
    """Parameters of import-contacts."""

    import_id: UUID = Field(description="The import: its file is stored already.")


class VerifyDomain(BaseModel):
    """Parameters of verify-domain."""

    run_id: UUID = Field(description="The run: the check of one domain, which was asked for.")


def campaign_run_name(organization: str, campaign: str, channel: str, epoch: int) -> str:
    """The name of a run of send-campaign: `Acme · January`, `Acme · Sale (SMS)`; with `#2` when it was resumed."""
    name = f"{organization} · {campaign}"[:180]
    return name + (" (SMS)" if channel == Channel.SMS else "") + (f" #{epoch}" if epoch > 1 else "")


def campaign_tags(organization_id: UUID, campaign_id: UUID, channel: str) -> list[str]:
    """What a flow run of a campaign can be found by."""
    return [f"organization:{organization_id}", f"campaign:{campaign_id}", f"channel:{channel}"]


class SendBulk(BaseModel):
    """Parameters of send-bulk: it takes what there is to send of bulk SMS."""

    idle_seconds: float = Field(10.0, ge=0, le=600, description="End after so many seconds without work.")


class SendBatch(BaseModel):
    """Parameters of send-batch: it takes what there is to send of batches of email."""

    idle_seconds: float = Field(10.0, ge=0, le=600, description="End after so many seconds without work.")


class Reconcile(BaseModel):
    """Parameters of reconcile: what must be the same is compared. Prefect starts it every night."""

    organization_id: UUID | None = Field(None, description="Only this organization; without it, all.")
    days: int = Field(35, ge=1, le=36500, description="How many days back messages are counted anew.")


WORK_POOL = "exosend"
"""The work pool that all flows run in; prefect.yaml names it as well."""

SEND_CAMPAIGN = "send-campaign/send-campaign"
SEND_BULK = "send-bulk/send-bulk"
SEND_BATCH = "send-batch/send-batch"
DRAIN_RUN = "drain-run/drain-run"
IMPORT_CONTACTS = "import-contacts/import-contacts"
VERIFY_DOMAIN = "verify-domain/verify-domain"
RECONCILE = "reconcile/reconcile"

PARAMETERS: Mapping[str, type[BaseModel]] = {
    SEND_CAMPAIGN: SendCampaign,
    SEND_BULK: SendBulk,
    SEND_BATCH: SendBatch,
    DRAIN_RUN: DrainRun,
    IMPORT_CONTACTS: ImportContacts,
    VERIFY_DOMAIN: VerifyDomain,
    RECONCILE: Reconcile,
}
"""Deployment (`flow/deployment`) → what it takes."""

DEPLOYMENTS: Mapping[RunKind, str] = {
    RunKind.CAMPAIGN: SEND_CAMPAIGN,
    RunKind.BULK: SEND_BULK,
    RunKind.BATCH: SEND_BATCH,
    RunKind.IMPORT: IMPORT_CONTACTS,
    RunKind.VERIFY_DOMAIN: VERIFY_DOMAIN,
}
"""Kind of run → the deployment that does it."""


DRAINED = (RunKind.BULK, RunKind.BATCH)
"""Kinds of runs whose flow takes all runs there are; a flow run is not one of ours."""


def start_key(run_id: UUID, epoch: int) -> str:
    """The idempotency key of a flow run. A key without the epoch would give back the dead flow run for ever."""
    return f"{run_id}:{epoch}"

"""What a run shows in Prefect's UI: the funnel, progress, delivery stats, a summary with links."""

import time
from decimal import Decimal
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.runtime import flow_run

from models.pipelines import campaign_run_name
from models.rules.lifecycle import Channel, RunState
from models.session import Database
from models.store.campaign_states import find_campaign
from models.store.organizations import read_organization
from models.store.runs import Totals, campaign_totals, find_run
from models.tables import Run
from tasks.runs.plan import Planned
from tasks.steps.best_effort import best_effort
from tasks.steps.engine import flow_settings

_SHOW_SECONDS = 5.0  # an artifact is a request to the server: one in five seconds, however fast the messages go


@best_effort()
def publish_funnel(run: Run, planned: Planned) -> None:
    """The funnel as a table: from the rows of the audience to the recipients, with the reason for every drop."""
    funnel = planned.funnel
    assert funnel is not None
    rows = [{"step": "audience", "dropped": "", "left": funnel.rows}]
    rows += [
        {"step": step.reason.replace("_", " "), "dropped": step.dropped, "left": step.left} for step in funnel.steps
    ]
    rows.append({"step": "recipients", "dropped": funnel.rows - funnel.kept, "left": funnel.kept})
    create_table_artifact(
        key=f"funnel-{run.campaign_id}",
        table=rows,
        description=f"{flow_run.name}: who was in the audience, and who is written to",
    )


class Progress:
    """The progress of a run over all its senders."""

    def __init__(self, database: Database, run_id: UUID) -> None:
        self._database = database
        self._run_id = run_id
        self._shown_at = time.monotonic()
        self._artifact: UUID | None = None

    @best_effort()
    def show(self, *, last: bool = False) -> None:
        """Bring the artifact up to date, at most every five seconds; `last`: now."""
        if not last and time.monotonic() - self._shown_at < _SHOW_SECONDS:
            return
        self._shown_at = time.monotonic()
        run, totals = _totals(self._database, self._run_id)
        done = 100.0 * (totals.recipients - totals.pending) / totals.recipients if totals.recipients else 100.0
        description = f"{flow_run.name}: {totals.sent:,} of {totals.recipients:,} accepted"
        if run.state == RunState.PAUSED and (reason := self._pause_reason(run)):
            description += f"; it paused itself: {reason}"
        if self._artifact is None:
            created = create_progress_artifact(done, key=f"progress-{run.campaign_id}", description=description)
            self._artifact = created if isinstance(created, UUID) else None
        else:
            update_progress_artifact(self._artifact, done, description=description)

    def _pause_reason(self, run: Run) -> str | None:
        with self._database.transaction(None) as session:
            return find_campaign(session, run.campaign_id).pause_reason if run.campaign_id else None


@best_effort()
def publish_results(database: Database, run_id: UUID) -> None:
    """Delivery stats as a table, and a summary for people."""
    run, totals = _totals(database, run_id)
    with database.transaction(None) as session:
        organization = read_organization(session, run.organization_id)
        campaign = find_campaign(session, run.campaign_id) if run.campaign_id else None
    name = campaign.name if campaign else str(run_id)
    is_sms = campaign is not None and campaign.channel == Channel.SMS
    title = campaign_run_name(organization.name, name, Channel.SMS if is_sms else Channel.EMAIL, 1)
    stats = {
        "recipients": totals.recipients,
        "accepted": totals.sent,
        "failed": totals.failed,
        "suppressed at the hand-over": totals.suppressed,
        "cancelled": totals.cancelled,
        "uncertain": totals.uncertain,
    }  # deliveries, opens and bounces are reported later, if at all: a 0 here would be taken for the result
    create_table_artifact(
        key=f"delivery-{run.campaign_id}",
        table=[{"what": what, "messages": count, "share": _share(count, totals)} for what, count in stats.items()],
        description=f"{title}: what became of the messages",
    )
    seconds = (run.finished_at - run.planned_at).total_seconds() if run.finished_at and run.planned_at else 0.0
    lines = [
        f"# {name}",
        f"{organization.name} · {'SMS' if is_sms else 'email'} · {run.state}",
        "",
        f"- **{totals.sent:,}** of {totals.recipients:,} accepted in {seconds:.1f} s after the plan",
        f"- charged {_amount(run.charged)} {organization.currency}, refunded {_amount(run.refunded)}",
        f"- results: `exosend results {run_id} --out results.parquet`, or schema `results` in the database",
        f"- in the API: `GET {flow_settings().api_url}/api/v1/{'sms/' if is_sms else ''}campaigns/{run.campaign_id}`",
    ]
    if is_sms:
        lines.insert(4, f"- {totals.segments:,} segments; delivery is reported later, and the campaign completed then")
    if totals.uncertain:
        lines.insert(4, f"- **{totals.uncertain:,}** uncertain: handed over, but no answer is known")
        lines.append(f"- what to make of those: `exosend uncertain resolve {run_id} --as accepted|failed|resend`")
    create_markdown_artifact("\n".join(lines), key=f"summary-{run.campaign_id}", description=f"{title}: summary")


def _share(count: int, totals: Totals) -> str:
    return f"{100 * count / totals.recipients:.1f}%" if totals.recipients else ""


def _amount(amount: Decimal) -> str:
    """With the two places that people know, and four only where they are needed."""
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:.4f}"


def _totals(database: Database, run_id: UUID) -> tuple[Run, Totals]:
    with database.transaction(None) as session:
        run = find_run(session, run_id)
        return run, campaign_totals(session, run.organization_id, [run_id])[run_id]

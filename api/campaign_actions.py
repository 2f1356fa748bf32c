"""What the views of both kinds of campaigns do. A view of one channel never finds a campaign of the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from api.arguments import Values
from api.campaign_values import schedule_columns
from api.schemas.envelopes import done, found, listed, page_request
from api.scope import own, resources, scope
from api.starter import start_flow
from models.pipelines import SEND_CAMPAIGN, SendCampaign, campaign_run_name, campaign_tags, start_key
from models.rules.lifecycle import CampaignStatus, Channel
from models.rules.uncertainty import Decision
from models.store import campaigns
from models.store.campaign_states import illegal_move, move_campaign
from models.store.organizations import read_organization
from models.store.uncertain_lists import list_uncertain
from models.tables import Campaign, Run
from tasks.runs.accept import accept_campaign
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.runs.dry_run import dry_run
from tasks.runs.uncertain import resolve_run

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CampaignActions:
    """The actions on campaigns of one channel, each with its answer.

    `columns` checks values and returns columns; `with_totals` turns campaigns into what the schema dumps.
    `sends_scheduled`: a scheduled one may be sent by hand.
    """

    channel: Channel
    columns: Callable[[Session, UUID, Values, Campaign | None], Values]
    with_totals: Callable[[Session, UUID, Sequence[Campaign]], list[dict[str, Any]]]
    sends_scheduled: bool

    def list(self, query: Values) -> Answer:
        """One page, newest first."""
        page = campaigns.list_campaigns(*own(), self.channel, page_request(query), status=query.get("status"))
        return listed(page, lambda items: self.with_totals(*own(), items))

    def create(self, values: Values) -> Answer:
        """A new one. Raises InvalidInput."""
        columns = self.columns(*own(), values, None)
        return self._done(campaigns.create_campaign(*own(), self.channel, columns), "Campaign created.")

    def get(self, campaign_id: UUID) -> Answer:
        """One by its id. Raises NotFound, as all that follow do."""
        return found(self._shown(self._read(campaign_id)))

    def update(self, campaign_id: UUID, values: Callable[[], Values]) -> Answer:
        """Change a draft. Raises InvalidInput and IllegalState."""
        campaign = self._read(campaign_id)  # 404 comes before 422
        columns = self.columns(*own(), values(), campaign)
        campaign = campaigns.update_campaign(*own(), self.channel, campaign_id, columns)
        return self._done(campaign, "Campaign updated.")

    def delete(self, campaign_id: UUID) -> Answer:
        """Remove a draft. Raises IllegalState."""
        campaigns.delete_campaign(*own(), self.channel, campaign_id)
        return done(None, "Campaign deleted.")

    def send(self, campaign_id: UUID, values: Callable[[], Values]) -> Answer:
        """Accept it and start its flow after the commit, or say what that would come to. Raises what `accept_campaign`
        and `dry_run` raise."""
        campaign = self._read(campaign_id)
        is_dry_run = values()["dry_run"]
        if campaign.status == CampaignStatus.SCHEDULED and not self.sends_scheduled:
            raise illegal_move(campaign, CampaignStatus.SENDING)
        if is_dry_run:
            found_out = dry_run(own()[0], campaign, seconds=resources().settings.quote_timeout_seconds)
            return done({**self._shown(campaign), "dry_run": found_out}, "Nothing was sent.")
        run = accept_campaign(*own(), campaign_id, settings=resources().settings, started_by="api")
        campaign = self._read(campaign_id)
        _start_after_commit(campaign, run)
        return self._done(campaign, "Campaign sending started.")

    def schedule(self, campaign_id: UUID, values: Callable[[], Values]) -> Answer:
        """Give a draft its hour. Raises InvalidInput and IllegalState."""
        campaign = self._read(campaign_id)
        columns = schedule_columns(*own(), values(), campaign)
        return self._done(
            move_campaign(*own(), campaign_id, CampaignStatus.SCHEDULED, **columns), "Campaign scheduled."
        )

    def unschedule(self, campaign_id: UUID) -> Answer:
        """Make a scheduled one a draft again. Raises IllegalState."""
        self._read(campaign_id)
        campaign = move_campaign(*own(), campaign_id, CampaignStatus.DRAFT, scheduled_at=None)
        return self._done(campaign, "Campaign unscheduled.")

    def pause(self, campaign_id: UUID) -> Answer:
        """Stop handing over. Raises IllegalState."""
        self._read(campaign_id)
        return self._done(pause_campaign(*own(), campaign_id), "Campaign paused.")

    def resume(self, campaign_id: UUID) -> Answer:
        """Go on. Raises IllegalState."""
        self._read(campaign_id)
        campaign, run = resume_campaign(*own(), campaign_id)
        _start_after_commit(campaign, run)
        return self._done(campaign, "Campaign resumed.")

    def cancel(self, campaign_id: UUID) -> Answer:
        """End it. Raises IllegalState."""
        self._read(campaign_id)
        return self._done(cancel_campaign(*own(), campaign_id), "Campaign cancelled.")

    def uncertain(self, campaign_id: UUID, query: Callable[[], Values]) -> Answer:
        """One page of its messages of which nobody knows."""
        run_id = self._read(campaign_id).run_id
        return listed(list_uncertain(*own(), run_id, page_request(query())))

    def resolve(self, campaign_id: UUID, values: Callable[[], Values]) -> Answer:
        """Decide about them. Raises InvalidInput and IllegalState."""
        run_id = self._read(campaign_id).run_id
        given = values()
        decision = Decision(given["action"])
        resolved = 0
        if run_id is not None:
            resolved = resolve_run(
                *own(),
                run_id,
                self.channel,
                decision,
                message_ids=given.get("message_ids"),
                settings=resources().settings,
                actor=f"token:{scope().caller.token_id}",
            )
        return done({"action": decision.value, "messages": resolved}, "Uncertain messages are being resolved.")

    def _read(self, campaign_id: UUID) -> Campaign:
        return campaigns.read_campaign(*own(), self.channel, campaign_id)

    def _shown(self, campaign: Campaign) -> dict[str, Any]:
        return self.with_totals(*own(), [campaign])[0]

    def _done(self, campaign: Campaign, message: str) -> Answer:
        return done(self._shown(campaign), message)


def _start_after_commit(campaign: Campaign, run: Run) -> None:
    organization = read_organization(*own())
    parameters = SendCampaign(campaign_id=campaign.id, run_id=run.id, epoch=run.epoch)
    settings = resources().settings
    tags = campaign_tags(organization.id, campaign.id, campaign.channel)
    scope().after_commit(
        lambda: start_flow(
            settings,
            SEND_CAMPAIGN,
            parameters,
            idempotency_key=start_key(run.id, run.epoch),
            tags=tags,
            run_name=campaign_run_name(organization.name, campaign.name, campaign.channel, run.epoch),
        )
    )

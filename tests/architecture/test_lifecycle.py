"""Every pair of states, against the legal moves written out here a second time; and the store's obedience."""

from collections.abc import Iterator, Mapping
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.errors import IllegalState
from models.rules.ids import new_id
from models.rules.lifecycle import (
    CAMPAIGN_MOVES,
    MESSAGE_MOVES,
    RUN_MOVES,
    CampaignStatus,
    Channel,
    MessageState,
    RunState,
    sources_of,
)
from models.session import Database, Role
from models.settings import Settings
from models.store.campaign_states import move_campaign
from models.store.organizations import create_organization
from models.store.runs import move_run
from models.tables import Campaign, Run

# state: where it may go
EMAIL_CAMPAIGNS = {
    "draft": "scheduled sending cancelled",
    "scheduled": "draft sending cancelled failed",
    "sending": "paused completed cancelled failed",
    "paused": "sending cancelled",
    "sent": "",
    "completed": "",
    "cancelled": "",
    "failed": "",
}
SMS_CAMPAIGNS = {
    "draft": "scheduled sending",
    "scheduled": "draft sending cancelled failed",
    "sending": "paused sent cancelled failed",
    "paused": "sending cancelled",
    "sent": "completed",
    "completed": "",
    "cancelled": "",
    "failed": "",
}
CAMPAIGNS = {Channel.EMAIL: EMAIL_CAMPAIGNS, Channel.SMS: SMS_CAMPAIGNS}
RUNS = {
    "queued": "planning sending paused closing failed",
    "planning": "queued sending paused completed closing failed",
    "sending": "queued paused completed closing",
    "paused": "queued closing",
    "closing": "cancelled failed",
    "completed": "",
    "cancelled": "",
    "failed": "",
}
MESSAGES = {
    "planned": "accepted failed deferred uncertain suppressed cancelled",
    "deferred": "planned",
    "uncertain": "planned accepted failed delivered opened clicked bounced complained",
    "accepted": "delivered opened clicked bounced complained",
    "delivered": "opened clicked bounced complained",
    "opened": "clicked bounced complained",
    "clicked": "bounced complained",
    "bounced": "complained",
    "complained": "",
    "failed": "",
    "suppressed": "",
    "cancelled": "",
}


def _pairs(states: type[CampaignStatus] | type[RunState] | type[MessageState]) -> list[tuple[str, str]]:
    return [(source.value, target.value) for source in states for target in states]


def _is_legal(moves: Mapping[str, str], source: str, target: str) -> bool:
    return target in moves[source].split()


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize(("source", "target"), _pairs(CampaignStatus))
def test_a_campaign_moves_as_written_and_not_otherwise(source: str, target: str, channel: Channel) -> None:
    moves = CAMPAIGN_MOVES[channel]
    legal = CampaignStatus(target) in moves[CampaignStatus(source)]
    assert legal == _is_legal(CAMPAIGNS[channel], source, target)
    assert legal == (source in sources_of(moves, CampaignStatus(target)))


@pytest.mark.parametrize(("source", "target"), _pairs(RunState))
def test_a_run_moves_as_written_and_not_otherwise(source: str, target: str) -> None:
    legal = RunState(target) in RUN_MOVES[RunState(source)]
    assert legal == _is_legal(RUNS, source, target)
    assert legal == (source in sources_of(RUN_MOVES, RunState(target)))


@pytest.mark.parametrize(("source", "target"), _pairs(MessageState))
def test_a_message_moves_as_written_and_not_otherwise(source: str, target: str) -> None:
    legal = MessageState(target) in MESSAGE_MOVES[MessageState(source)]
    assert legal == _is_legal(MESSAGES, source, target)
    assert legal == (source in sources_of(MESSAGE_MOVES, MessageState(target)))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=2)
    yield found
    found.close()


@pytest.fixture
def campaign_and_run(database: Database) -> tuple[UUID, UUID, UUID]:
    """Organization, campaign and its run, whose states the tests set as they need them."""
    campaign_id, run_id = new_id(), new_id()
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme")
        session.add(Campaign(id=campaign_id, organization_id=organization.id, name="News"))
        session.flush()
        kind = {"kind": "campaign", "started_by": "api"}
        session.add(Run(id=run_id, organization_id=organization.id, campaign_id=campaign_id, **kind))
    return organization.id, campaign_id, run_id


def _refusal(session: Session, organization_id: UUID, campaign_id: UUID, target: CampaignStatus) -> IllegalState | None:
    try:
        move_campaign(session, organization_id, campaign_id, target)
    except IllegalState as error:
        return error
    return None


@pytest.mark.parametrize("channel", Channel)
def test_the_store_moves_a_campaign_only_where_it_may_go(
    database: Database, campaign_and_run: tuple[UUID, UUID, UUID], channel: Channel
) -> None:
    organization_id, campaign_id, _ = campaign_and_run
    wrong = []
    for source, target in _pairs(CampaignStatus):
        with database.transaction(None) as session:
            session.execute(update(Campaign).values(status=source, channel=channel))
            refusal = _refusal(session, organization_id, campaign_id, CampaignStatus(target))
            moved = refusal is None
            found = session.execute(select(Campaign.status)).scalar_one()
        if moved != _is_legal(CAMPAIGNS[channel], source, target) or found != (target if moved else source):
            wrong.append((source, target))
        if refusal is not None and (refusal.code, refusal.current_status) != ("invalid_status", source):
            wrong.append((source, target))
    assert not wrong


def test_the_store_moves_a_run_only_where_it_may_go(
    database: Database, campaign_and_run: tuple[UUID, UUID, UUID]
) -> None:
    organization_id, _, run_id = campaign_and_run
    wrong = []
    for source, target in _pairs(RunState):
        with database.transaction(None) as session:
            session.execute(update(Run).values(state=source))
            moved = move_run(session, organization_id, run_id, RunState(target))
            found = session.execute(select(Run.state)).scalar_one()
        if moved != _is_legal(RUNS, source, target) or found != (target if moved else source):
            wrong.append((source, target))
    assert not wrong


def test_a_move_asked_for_by_another_organization_finds_nothing(
    database: Database, campaign_and_run: tuple[UUID, UUID, UUID]
) -> None:
    _, _, run_id = campaign_and_run
    with database.transaction(None) as session:
        assert not move_run(session, new_id(), run_id, RunState.PLANNING)
        assert session.execute(select(Run.state)).scalar_one() == "queued"

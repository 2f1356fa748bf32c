"""The campaign that is measured: personalised, with messages of a size that can be chosen."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from models.rules.ids import new_id
from models.session import Database
from models.settings import Settings
from models.tables import Campaign, Run
from tasks.content.freeze import FrozenEmail, freeze_email
from tasks.content.mime import PreparedEmail
from tasks.runs.accept import accept_campaign

MESSAGE_BYTES = 5120
TAGS = ("first_name", "company")
_SUBJECT = "{{ first_name }}, news for {{ company }}"
_LINE = "<p>Sixty-odd bytes of what newsletters are full of, as they are.</p>\n"


def frozen_campaign(message_bytes: int = MESSAGE_BYTES) -> FrozenEmail:
    """Content whose whole messages, headers and text part included, have about so many bytes on the wire."""
    return _frozen(_lines_for(message_bytes))


def start_campaign(
    database: Database,
    settings: Settings,
    organization_id: UUID,
    list_id: UUID,
    segment: Mapping[str, object],
    *,
    batch_size: int = 500,
) -> Run:
    """A run of that content that is accepted and not planned."""
    campaign_id = draft_campaign(database, organization_id, list_id, segment, batch_size=batch_size)
    with database.transaction(organization_id) as session:
        return accept_campaign(session, organization_id, campaign_id, settings=settings, started_by="benchmark")


def draft_campaign(
    database: Database,
    organization_id: UUID,
    list_id: UUID,
    segment: Mapping[str, object],
    *,
    batch_size: int = 500,
) -> UUID:
    """A draft of that content; its id."""
    with database.transaction(organization_id) as session:
        campaign = Campaign(
            id=new_id(),
            organization_id=organization_id,
            name="News",
            subject=_SUBJECT,
            html_content=_html(_lines_for(MESSAGE_BYTES)),
            target_list_ids=[list_id],
            segment_filters=dict(segment),
            batch_size=batch_size,
        )
        session.add(campaign)
    return campaign.id


def _lines_for(message_bytes: int) -> int:
    few, many = _size_with(1), _size_with(11)
    return max(1, round(1 + (message_bytes - few) * 10 / (many - few)))


def _size_with(lines: int) -> int:
    values = {"first_name": "Marta", "company": "Initech"}
    prepared = PreparedEmail(_frozen(lines))
    return len(prepared.build(new_id(), "person.1@example.com", None, datetime.now(UTC), values))


def _frozen(lines: int) -> FrozenEmail:
    return freeze_email(subject=_SUBJECT, html=_html(lines), text=None, from_email="news@example.com")


def _html(lines: int) -> str:
    return "<h1>Hello {{ first_name }}</h1>\n" + _LINE * lines + "<p>Greetings to all of {{ company }}</p>\n"

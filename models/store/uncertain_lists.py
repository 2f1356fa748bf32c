"""What people see of uncertain messages, and what they decide about them. It is carried out by the courier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.lifecycle import MessageState
from models.rules.uncertainty import Decision
from models.session import driver
from models.store.pages import Page, PageRequest
from models.tables import Message, Organization, UncertainMessage


@dataclass(frozen=True, slots=True)
class ListedUncertain:
    """An uncertain message. `is_held`: the policy leaves it to people; `decision`: theirs, not carried out yet."""

    message_id: UUID
    recipient: str
    since: datetime
    provider: str | None
    error_code: str | None
    error: str | None
    cost: Decimal
    tries: int
    resends: int
    is_held: bool
    decision: str | None


def _uncertain(organization_id: UUID, run_id: UUID) -> Select[Message, UncertainMessage]:
    return (
        select(Message, UncertainMessage)
        .join(
            UncertainMessage,
            (UncertainMessage.message_id == Message.id) & (UncertainMessage.made_on == Message.made_on),
        )
        .where(
            UncertainMessage.organization_id == organization_id,
            UncertainMessage.run_id == run_id,
            Message.state == MessageState.UNCERTAIN.value,
        )
    )


def list_uncertain(
    session: Session, organization_id: UUID, run_id: UUID | None, page: PageRequest
) -> Page[ListedUncertain]:
    """Uncertain messages of a run, in the order of its recipients. Without a run there are none."""
    if run_id is None:
        return Page([], 0, page)
    chosen = _uncertain(organization_id, run_id)
    total = session.execute(chosen.with_only_columns(func.count())).scalar_one()
    rows = session.execute(chosen.order_by(UncertainMessage.message_id).offset(page.offset).limit(page.size))
    return Page([_listed(message, entry) for message, entry in rows], total, page)


def _listed(message: Message, entry: UncertainMessage) -> ListedUncertain:
    return ListedUncertain(
        message.id,
        message.recipient,
        entry.since,
        message.provider,
        message.error_code,
        message.error_message,
        message.cost,
        message.tries,
        message.resends,
        entry.is_held,
        entry.decision,
    )


_DECIDE = """
UPDATE uncertain_messages u SET decision = %(decision)s, judge_at = now()
FROM messages m
WHERE u.organization_id = %(organization)s AND m.id = u.message_id AND m.made_on = u.made_on AND m.state = 'uncertain'
  AND {chosen}
"""


def decide_run(
    session: Session,
    organization_id: UUID,
    run_id: UUID,
    decision: Decision,
    message_ids: Sequence[UUID] | None = None,
) -> int:
    """Decide about the run's uncertain messages, all or those named; returns how many there were.

    The run must be locked: who judges holds it too.
    """
    values = {
        "organization": organization_id,
        "run": run_id,
        "decision": decision.value,
        "ids": None if message_ids is None else list(message_ids),
    }
    chosen = "u.run_id = %(run)s AND (%(ids)s::uuid[] IS NULL OR u.message_id = ANY(%(ids)s::uuid[]))"
    return driver(session).execute(_DECIDE.format(chosen=chosen), values).rowcount


def decide_single(session: Session, organization_id: UUID, message_id: UUID, decision: Decision) -> int:
    """Decide about a message that is in no run; returns whether it was uncertain, as 0 or 1."""
    values = {"organization": organization_id, "id": message_id, "decision": decision.value}
    chosen = "u.run_id IS NULL AND u.message_id = %(id)s"
    return driver(session).execute(_DECIDE.format(chosen=chosen), values).rowcount


@dataclass(frozen=True, slots=True)
class Doubtful:
    """What has uncertain messages: a run (`message_id` None), or a single message."""

    run_id: UUID | None
    message_id: UUID | None
    organization_id: UUID
    channel: str
    recipient: str | None
    since: datetime
    messages: int


_DOUBTFUL = """
SELECT u.run_id, CASE WHEN u.run_id IS NULL THEN u.message_id END, u.organization_id, u.channel,
       min(CASE WHEN u.run_id IS NULL THEN m.recipient END), min(u.since), count(*)::int
FROM uncertain_messages u JOIN messages m ON m.id = u.message_id AND m.made_on = u.made_on
WHERE m.state = 'uncertain'
GROUP BY 1, 2, 3, 4 ORDER BY 6 LIMIT %s
"""


def list_doubtful(session: Session, *, most: int) -> list[Doubtful]:
    """Runs and single messages with uncertain messages, of all organizations, oldest first. For the engine."""
    return [Doubtful(*row) for row in driver(session).execute(_DOUBTFUL, [most])]


def find_uncertain_single(session: Session, message_id: UUID) -> tuple[UUID, str] | None:
    """The organization and the channel of an uncertain message that is in no run. For the engine."""
    found = select(UncertainMessage.organization_id, UncertainMessage.channel).where(
        UncertainMessage.message_id == message_id, UncertainMessage.run_id.is_(None)
    )
    row = session.execute(found).one_or_none()
    return None if row is None else (row.organization_id, row.channel)


def channel_of_run(session: Session, run_id: UUID) -> str | None:
    """The channel of a run's uncertain messages; None when it has none."""
    found = select(UncertainMessage.channel).where(UncertainMessage.run_id == run_id).limit(1)
    return session.execute(found).scalar_one_or_none()


def choose_policy(session: Session, organization_id: UUID, policy: str | None) -> None:
    """Let the organization have a policy, or none: what is uncertain and held already stays held. Raises NotFound."""
    chosen = update(Organization).where(Organization.id == organization_id).values(uncertain_policy=policy)
    if session.execute(chosen.returning(Organization.id)).one_or_none() is None:
        raise NotFound(f"There is no organization {organization_id}.")

"""Accepting messages that are there already when the request is: singles, bulk SMS, batches of email.

They are written, paid for and on their way in the transaction of the request: short of credits nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.lifecycle import RunKind
from models.settings import Settings
from models.store.ledger import post
from models.store.outgoing import (
    NewMessage,
    enqueue,
    open_run,
    write_run_chunks,
    write_run_messages,
)
from models.store.sender_ids import count_messages
from models.store.singles import PaidSingle, write_paid_single

OUTBOX_MAX = 100
"""Runs of at most so many messages go out through the courier; for larger ones it pays to start a flow."""

_CHANNELS = {RunKind.BULK: "sms", RunKind.BATCH: "email"}
_WHAT = {RunKind.BULK: "Bulk SMS, {} messages", RunKind.BATCH: "Batch of {} emails"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that was accepted. `message_ids` are in the order of the messages; `needs_flow`: the courier alone does
    not send it."""

    run_id: UUID
    message_ids: list[UUID]
    cost: Decimal
    needs_flow: bool


def accept_single(
    session: Session, organization_id: UUID, channel: str, message: NewMessage, *, sender: UUID | None = None
) -> PaidSingle:
    """Write one message, put it into the outbox and charge it. `sender`: of an SMS, to count it.

    Raises InsufficientCredits, and NotFound when the sender was deleted.
    """
    reason = "SMS" if channel == "sms" else "Email"
    return write_paid_single(session, organization_id, channel, message, reason=reason, sender=sender)


def accept_run(
    session: Session,
    organization_id: UUID,
    kind: RunKind,
    messages: Sequence[NewMessage],
    settings: Settings,
    *,
    sender: UUID | None = None,
) -> Accepted:
    """Write a run (bulk or batch) with its messages, and charge them. Raises InsufficientCredits.

    `messages` is not empty; the content of the first stands for the run. `sender`: of SMS, to count them; NotFound when
    it was deleted.
    """
    channel = _CHANNELS[kind]
    cost = sum((message.cost for message in messages), Decimal(0))
    run_id = open_run(session, organization_id, kind, messages[0].content_id, recipients=len(messages), cost=cost)
    ids = write_run_messages(session, organization_id, run_id, channel, messages)
    states = [message.state for message in messages]
    small = len(messages) <= OUTBOX_MAX
    write_run_chunks(session, organization_id, run_id, states, chunk_size=settings.chunk_size, in_outbox=small)
    if small:
        due = [id_ for id_, message in zip(ids, messages, strict=True) if message.error_code is None]
        enqueue(session, organization_id, run_id, channel, due)
    if sender is not None:  # as late as can be: its row is every other request's as well
        count_messages(session, organization_id, sender, len(messages))
    if cost:
        post(
            session,
            organization_id,
            kind="charge",
            amount=-cost,
            key=f"charge:{run_id}",
            reason=_WHAT[kind].format(len(messages)),
            run_id=run_id,
        )
    return Accepted(run_id, ids, cost, needs_flow=not small)

"""States of campaigns, runs, chunks and messages, and their legal moves, as data.

Every change of state in `models/store` is one conditional UPDATE, so that of two equal requests one moves the row and
the other is told that it is too late. Of campaigns and runs its WHERE is `sources_of(...)` of these tables. The SQL of
chunks, and most of that of messages, names the states itself; test_chunk_states.py and test_message_states.py hold it
to the tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

_State = TypeVar("_State", bound=StrEnum)


class Channel(StrEnum):
    """What a message goes out as."""

    EMAIL = "email"
    SMS = "sms"


class CampaignStatus(StrEnum):
    """What the API shows of a campaign."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"  # of SMS only: all handed over, final reports are still to come
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


_EMAIL_CAMPAIGN_MOVES: Mapping[CampaignStatus, frozenset[CampaignStatus]] = {
    CampaignStatus.DRAFT: frozenset({CampaignStatus.SENDING, CampaignStatus.SCHEDULED, CampaignStatus.CANCELLED}),
    CampaignStatus.SCHEDULED: frozenset(
        {CampaignStatus.SENDING, CampaignStatus.CANCELLED, CampaignStatus.DRAFT, CampaignStatus.FAILED}
    ),
    CampaignStatus.SENDING: frozenset(
        {CampaignStatus.PAUSED, CampaignStatus.COMPLETED, CampaignStatus.CANCELLED, CampaignStatus.FAILED}
    ),
    CampaignStatus.PAUSED: frozenset({CampaignStatus.SENDING, CampaignStatus.CANCELLED}),
    CampaignStatus.SENT: frozenset(),
    CampaignStatus.COMPLETED: frozenset(),
    CampaignStatus.CANCELLED: frozenset(),
    CampaignStatus.FAILED: frozenset(),
}

CAMPAIGN_MOVES: Mapping[Channel, Mapping[CampaignStatus, frozenset[CampaignStatus]]] = {
    Channel.EMAIL: _EMAIL_CAMPAIGN_MOVES,
    # A draft is deleted, not cancelled; and what is handed over is `sent` until the final reports are there.
    Channel.SMS: {
        **_EMAIL_CAMPAIGN_MOVES,
        CampaignStatus.DRAFT: frozenset({CampaignStatus.SENDING, CampaignStatus.SCHEDULED}),
        CampaignStatus.SENDING: frozenset(
            {CampaignStatus.PAUSED, CampaignStatus.SENT, CampaignStatus.CANCELLED, CampaignStatus.FAILED}
        ),
        CampaignStatus.SENT: frozenset({CampaignStatus.COMPLETED}),
    },
}
"""Channel → where a campaign of it may go from each state."""


class RunKind(StrEnum):
    """What a run does; models/pipelines.py says which deployment does it."""

    CAMPAIGN = "campaign"
    BULK = "bulk"  # one POST sms/send-bulk
    BATCH = "batch"  # one POST emails/send-batch
    IMPORT = "import"
    VERIFY_DOMAIN = "verify_domain"


class RunState(StrEnum):
    """Where an execution of ours stands. Terminal: completed, cancelled, failed."""

    QUEUED = "queued"  # accepted and paid for (held), its flow not started yet: also the outbox entry
    PLANNING = "planning"  # a flow works out who gets what
    SENDING = "sending"  # planned and charged; chunks are there to be leased
    PAUSED = "paused"
    CLOSING = "closing"  # cancelled or failed in the middle: what is unsent is being given back and refunded
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset(
        {RunState.PLANNING, RunState.SENDING, RunState.PAUSED, RunState.CLOSING, RunState.FAILED}
    ),
    RunState.PLANNING: frozenset(
        {RunState.QUEUED, RunState.SENDING, RunState.PAUSED, RunState.COMPLETED, RunState.CLOSING, RunState.FAILED}
    ),  # back to the outbox when its flow died
    # Back to the outbox, one epoch later, where its flow gave its place in a worker to another organization's.
    RunState.SENDING: frozenset({RunState.QUEUED, RunState.PAUSED, RunState.COMPLETED, RunState.CLOSING}),
    # Resuming starts a flow again, so a paused run goes back to the outbox, one epoch later.
    RunState.PAUSED: frozenset({RunState.QUEUED, RunState.CLOSING}),
    RunState.CLOSING: frozenset({RunState.CANCELLED, RunState.FAILED}),
    RunState.COMPLETED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.FAILED: frozenset(),
}


class ChunkState(StrEnum):
    """Who has a chunk."""

    OUTBOX = "outbox"  # its messages are in the outbox, one by one: no sender leases it
    READY = "ready"
    LEASED = "leased"
    DONE = "done"


CHUNK_MOVES: Mapping[ChunkState, frozenset[ChunkState]] = {
    ChunkState.OUTBOX: frozenset({ChunkState.DONE}),
    ChunkState.READY: frozenset({ChunkState.LEASED}),
    # Leased again: its lease ran out, and another sender takes it over.
    ChunkState.LEASED: frozenset({ChunkState.LEASED, ChunkState.READY, ChunkState.DONE}),
    ChunkState.DONE: frozenset(),
}


class MessageState(StrEnum):
    """What became of a message so far."""

    PLANNED = "planned"
    DEFERRED = "deferred"  # for another try, or in quiet hours; `retry_at` of its entry in `deferrals` says until when
    UNCERTAIN = "uncertain"  # handed over, no answer known
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"  # refused for good, or tried too often
    SUPPRESSED = "suppressed"  # opted out between the plan and the hand-over
    CANCELLED = "cancelled"


_REPORTED = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.OPENED,
        MessageState.CLICKED,
        MessageState.BOUNCED,
        MessageState.COMPLAINED,
    }
)

MESSAGE_MOVES: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.PLANNED: frozenset(
        {
            MessageState.ACCEPTED,
            MessageState.FAILED,
            MessageState.DEFERRED,
            MessageState.UNCERTAIN,
            MessageState.SUPPRESSED,
            MessageState.CANCELLED,
        }
    ),
    # Whatever becomes of it, it is planned again first: then it is in a chunk, or claimed, and somebody's.
    MessageState.DEFERRED: frozenset({MessageState.PLANNED}),
    # A late true answer is always welcome; `planned` is the policy "resend".
    MessageState.UNCERTAIN: frozenset({MessageState.ACCEPTED, MessageState.FAILED, MessageState.PLANNED}) | _REPORTED,
    MessageState.ACCEPTED: _REPORTED,
    MessageState.DELIVERED: _REPORTED - {MessageState.DELIVERED},
    MessageState.OPENED: frozenset({MessageState.CLICKED, MessageState.BOUNCED, MessageState.COMPLAINED}),
    MessageState.CLICKED: frozenset({MessageState.BOUNCED, MessageState.COMPLAINED}),
    MessageState.BOUNCED: frozenset({MessageState.COMPLAINED}),
    MessageState.COMPLAINED: frozenset(),
    MessageState.FAILED: frozenset(),
    MessageState.SUPPRESSED: frozenset(),
    MessageState.CANCELLED: frozenset(),
}

# What the contract's single status shows for what the engine keeps apart (docs/api/rules.md, SMS).
PUBLIC_STATUS: Mapping[MessageState, str] = {
    MessageState.PLANNED: "pending",
    MessageState.DEFERRED: "pending",
    MessageState.UNCERTAIN: "pending",
    MessageState.ACCEPTED: "sent",
    MessageState.DELIVERED: "delivered",
    MessageState.OPENED: "opened",
    MessageState.CLICKED: "clicked",
    MessageState.BOUNCED: "bounced",
    MessageState.COMPLAINED: "complained",
    MessageState.FAILED: "failed",
    MessageState.SUPPRESSED: "failed",
    MessageState.CANCELLED: "failed",
}


# An SMS has words of its own; a delivery that failed is stored as bounced (see `sms_status`).
_SMS_STATUS: Mapping[MessageState, str] = {
    **PUBLIC_STATUS,
    MessageState.OPENED: "delivered",
    MessageState.CLICKED: "delivered",
    MessageState.COMPLAINED: "delivered",
    MessageState.BOUNCED: "undelivered",
}
SMS_STATUSES = ("pending", "sent", "delivered", "undelivered", "failed", "expired")
SMS_EXPIRED = "expired"
"""The error code of an SMS that the network gave up after its time; also the status that it shows."""

_NAMED_BY_STATE = frozenset({MessageState.UNCERTAIN, MessageState.SUPPRESSED, MessageState.CANCELLED})


def sms_status(state: MessageState, error_code: str | None) -> str:
    """The status that the API shows of an SMS."""
    if state is MessageState.BOUNCED and error_code == SMS_EXPIRED:
        return SMS_EXPIRED
    return _SMS_STATUS[state]


def shown_error(state: MessageState, error_code: str | None) -> str | None:
    """The error code that the API shows: of a message that failed or is uncertain, and of no other."""
    if state in _NAMED_BY_STATE:
        return state.value
    return error_code if state in (MessageState.FAILED, MessageState.BOUNCED) else None


def sources_of(moves: Mapping[_State, frozenset[_State]], target: _State) -> list[str]:
    """The states from which `target` can be reached in one move."""
    return [source.value for source, targets in moves.items() if target in targets]

"""Messages that a request makes at once: bulk SMS and batches of email, with their runs and the outbox.

Row-level security forbids COPY, so rows go in by INSERT … SELECT FROM unnest: one statement for any number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, insert
from sqlalchemy.orm import Session

from models.rules.ids import made_on, message_ids, new_id
from models.rules.lifecycle import ChunkState, MessageState, RunKind, RunState
from models.session import driver
from models.store.arrays import array_text, common_or_array
from models.tables import Chunk, Run


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to write. `variables` and `metadata` are texts of JSON objects.

    With an `error_code` it is written as `suppressed` and never goes out; its cost must be 0 then.
    """

    recipient: str
    content_id: UUID
    cost: Decimal
    variables: str | None = None
    contact_id: UUID | None = None
    segments: int | None = None
    to_name: str | None = None
    metadata: str | None = None
    error_code: str | None = None

    @property
    def state(self) -> MessageState:
        """What it begins as."""
        return MessageState.PLANNED if self.error_code is None else MessageState.SUPPRESSED


# What all messages have in common stands once: see `common_or_array`. In SMS one number gets one message of a run, by
# its key, which is unique; in email an entry of a batch is a message, whatever its address.
_WRITE = """
INSERT INTO messages (id, made_on, organization_id, run_id, content_id, contact_id, channel, recipient, dedupe_key,
                      position, variables, state, cost, segments, to_name, metadata, error_code)
SELECT id, %(made_on)s, %(organization)s, %(run)s, coalesce(content_id, %(content)s), coalesce(contact_id, %(contact)s),
       %(channel)s, recipient,
       CASE WHEN %(channel)s = 'sms' THEN recipient ELSE (no - 1)::text END, no - 1,
       coalesce(variables, %(variable)s)::jsonb, coalesce(state, %(state)s), coalesce(cost, %(common_cost)s),
       coalesce(segments, %(segment)s), coalesce(to_name, %(name)s), coalesce(metadata, %(common_metadata)s)::jsonb,
       coalesce(error_code, %(code)s)
FROM unnest(%(ids)s::uuid[], %(recipients)s::text[], %(contents)s::uuid[], %(contacts)s::uuid[], %(variables)s::text[],
            %(states)s::text[], %(costs)s::numeric[], %(segments)s::smallint[], %(names)s::text[], %(metadata)s::text[],
            %(codes)s::text[]) WITH ORDINALITY
    AS m (id, recipient, content_id, contact_id, variables, state, cost, segments, to_name, metadata, error_code, no)
"""


def write_run_messages(
    session: Session, organization_id: UUID, run_id: UUID, channel: str, messages: Sequence[NewMessage]
) -> list[UUID]:
    """Write a run's messages, at positions in the given order; returns their ids in that order."""
    ids = message_ids(run_id, len(messages))
    contents, content = common_or_array([message.content_id for message in messages])
    contacts, contact = common_or_array([message.contact_id for message in messages])
    variables, variable = common_or_array([message.variables for message in messages])
    states, state = common_or_array([message.state.value for message in messages])
    costs, cost = common_or_array([message.cost for message in messages])
    segments, segment = common_or_array([message.segments for message in messages])
    names, name = common_or_array([message.to_name for message in messages])
    metadata, common_metadata = common_or_array([message.metadata for message in messages])
    codes, code = common_or_array([message.error_code for message in messages])
    driver(session).execute(
        _WRITE,
        {
            "made_on": made_on(run_id),
            "organization": organization_id,
            "run": run_id,
            "channel": channel,
            "ids": array_text(ids),
            "recipients": [message.recipient for message in messages],
            "contents": contents,
            "content": content,
            "contacts": contacts,
            "contact": contact,
            "variables": variables,
            "variable": variable,
            "states": states,
            "state": state,
            "costs": costs,
            "common_cost": cost,
            "segments": segments,
            "segment": segment,
            "names": names,
            "name": name,
            "metadata": metadata,
            "common_metadata": common_metadata,
            "codes": codes,
            "code": code,
        },
    )
    return ids


def enqueue(session: Session, organization_id: UUID, run_id: UUID | None, channel: str, ids: Sequence[UUID]) -> None:
    """Put messages into the outbox, due now."""
    driver(session).execute(
        "INSERT INTO outbox (message_id, organization_id, run_id, channel) SELECT unnest(%s::uuid[]), %s, %s, %s",
        [list(ids), organization_id, run_id, channel],
    )


def open_run(
    session: Session, organization_id: UUID, kind: RunKind, content_id: UUID, *, recipients: int, cost: Decimal
) -> UUID:
    """A run that is planned as it is made; returns its id. The caller writes its messages and chunks, and charges."""
    run_id = new_id()
    session.execute(
        insert(Run).values(
            id=run_id,
            organization_id=organization_id,
            kind=kind.value,
            state=RunState.SENDING.value,
            content_id=content_id,
            started_by="api",
            batch_size=1000,
            quoted_recipients=recipients,
            charged=cost,
            total_recipients=recipients,
            planned_at=func.now(),
        )
    )
    return run_id


def write_run_chunks(
    session: Session,
    organization_id: UUID,
    run_id: UUID,
    states: Sequence[MessageState],
    *,
    chunk_size: int,
    in_outbox: bool,
) -> None:
    """Chunks of the run's messages, whose states are given in the order of positions.

    What is suppressed already is counted and in no chunk's positions. `in_outbox`: one chunk, which only counts.
    """
    planned = [position for position, state in enumerate(states) if state is MessageState.PLANNED]
    size = len(planned) if in_outbox else chunk_size
    parts = [planned[start : start + size] for start in range(0, len(planned), size)] if planned else [[]]
    rows = [
        {
            "run_id": run_id,
            "no": no,
            "organization_id": organization_id,
            "state": _state(part, in_outbox).value,
            "first_position": part[0] if part else 0,
            "positions": None if _is_a_range(part) else part,
            "size": len(part),
            "suppressed": len(states) - len(planned) if no == 0 else 0,
        }
        for no, part in enumerate(parts)
    ]
    session.execute(insert(Chunk), rows)


def _state(part: Sequence[int], in_outbox: bool) -> ChunkState:
    if not part:
        return ChunkState.DONE
    return ChunkState.OUTBOX if in_outbox else ChunkState.READY


def _is_a_range(part: Sequence[int]) -> bool:
    return not part or part[-1] - part[0] + 1 == len(part)

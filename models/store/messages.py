"""Messages: read for sending, and written when their outcome is known. Set-based throughout.

For windows, UPDATE … FROM unnest(arrays) beats COPY into a temporary table.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import StaleLease
from models.rules.ids import made_on, message_id, message_ids_text
from models.rules.lifecycle import MESSAGE_MOVES, ChunkState, MessageState, sources_of
from models.rules.reports import Report
from models.session import driver
from models.store.arrays import common_or_array, quoted_array_text
from models.store.chunks import Counts, Lease
from models.store.uncertain import forget, note, sent_again

# Tuples, and not frozen dataclasses: one is made for each message, and they take a third of the time.


class PlannedMessage(NamedTuple):
    """What a sender needs of a message. `variables` is the text of a JSON object, `to_name` the recipient's name."""

    id: UUID
    position: int
    recipient: str
    variables: str | None
    tries: int
    hours_trying: float
    content_id: UUID
    to_name: str | None


class Result(NamedTuple):
    """A message's new state, as it is written. `retry_after_seconds` goes with `deferred` only. `known_by_ref`: reports
    will name it by `provider_ref` and nothing else. `provider`: the account that it is of, where it is not the one that
    the whole window went to."""

    id: UUID
    position: int
    state: MessageState
    provider_ref: str | None = None
    code: str | None = None
    detail: str | None = None
    retry_after_seconds: float | None = None
    counts_as_try: bool = True
    reports: tuple[Report, ...] = ()
    known_by_ref: bool = False
    provider: str | None = None


def read_planned(session: Session, lease: Lease, *, most: int | None = None) -> list[PlannedMessage]:
    """The chunk's messages from its cursor on, in the chunk's order; the first `most` of them.

    Those that are not `planned` any more are left out of nothing: a chunk's messages change only under its lease.
    """
    stop = lease.size if most is None else min(lease.size, lease.cursor + most)
    rows = driver(session).execute(
        """
        SELECT id, position, recipient, variables::text, tries,
               coalesce(extract(epoch FROM now() - first_tried_at) / 3600, 0)::float, content_id, to_name
        FROM messages WHERE id = ANY(%s::uuid[]) AND made_on = %s ORDER BY id
        """,
        [lease.message_ids(lease.cursor, stop), made_on(lease.run_id)],
        binary=True,
    )
    return [PlannedMessage(*row) for row in rows]


# What the rows have in common stands once (`common_or_array`): unnest fills up a shorter array with NULL.
#
# The states to come from are asked for in a CASE, and the ids are named twice, so that no statistics mislead the
# planner: those of a table that was analysed when nothing was `planned` say that one row is, and then each window
# took 2 s instead of 10 ms (a scan of the table, and a loop over all outcomes for each row).
#
# What is sent again goes to the account that had it; which that is stays known while it waits.
_RECORD = """
WITH outcome AS (
    SELECT id, coalesce(state, %(state)s) AS state, coalesce(ref, %(ref)s) AS ref, coalesce(code, %(code)s) AS code,
           coalesce(detail, %(detail)s) AS detail, coalesce(counted, %(counts)s) AS counted,
           coalesce(provider, %(provider)s) AS provider
    FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(refs)s::text[], %(codes)s::text[], %(details)s::text[],
                %(counted)s::smallint[], %(providers)s::text[])
         AS o (id, state, ref, code, detail, counted, provider)
)
UPDATE messages m
SET state = o.state, provider_ref = o.ref, error_code = o.code, error_message = o.detail, tries = m.tries + o.counted,
    provider = CASE WHEN m.resends > 0 AND o.state = 'deferred' THEN m.provider ELSE o.provider END,
    first_tried_at = coalesce(m.first_tried_at, now()), sent_at = CASE WHEN o.state = 'accepted' THEN now() END
FROM outcome o
WHERE m.id = o.id AND m.id = ANY(%(ids)s::uuid[]) AND m.made_on = ANY(%(made_on)s)
  AND CASE WHEN o.id IS NOT NULL THEN m.state = ANY(%(from)s) END
"""

_DEFER = """
INSERT INTO deferrals (run_id, position, organization_id, retry_at)
SELECT %(run)s, d.position, %(organization)s, now() + make_interval(secs => d.seconds)
FROM unnest(%(positions)s::int[], %(seconds)s::float8[]) AS d (position, seconds)
"""

_REFUNDABLE = (MessageState.FAILED, MessageState.SUPPRESSED, MessageState.CANCELLED)


def record_results(session: Session, lease: Lease, results: Sequence[Result], *, provider: str) -> None:
    """Write a window's results. AssertionError when a message is not `planned`: under a lease nobody else writes."""
    changed = _record(session, lease, results, provider, [MessageState.PLANNED])
    assert changed == len(results), f"{changed} of {len(results)} messages were planned."
    uncertain = [result.id for result in results if result.state is MessageState.UNCERTAIN]
    note(session, dict.fromkeys(uncertain, lease.no))
    deferred = [result for result in results if result.state is MessageState.DEFERRED]
    if deferred:
        driver(session).execute(
            _DEFER,
            {
                "run": lease.run_id,
                "organization": lease.organization_id,
                "positions": [result.position for result in deferred],
                "seconds": [result.retry_after_seconds for result in deferred],
            },
        )


# Nearly every window: messages that follow one another and had the same outcome, but for their references. By the range
# of their ids, without a join, and with a plan that can be kept: half the time.
_RECORD_ROW = """
UPDATE messages
SET state = %(state)s, provider = %(provider)s, error_code = %(code)s, error_message = %(detail)s,
    provider_ref = coalesce((%(refs)s::text[])[position - %(first)s + 1], %(ref)s), tries = tries + %(counts)s,
    first_tried_at = coalesce(first_tried_at, now()), sent_at = CASE WHEN %(state)s = 'accepted' THEN now() END
WHERE id BETWEEN %(first_id)s AND %(last_id)s AND made_on = %(day)s AND state = ANY(%(from)s)
"""


def _record(
    session: Session, lease: Lease, results: Sequence[Result], provider: str, sources: Sequence[MessageState]
) -> int:
    positions = [result.position for result in results]
    outcome = _outcome(results, provider, sources)
    first, last = positions[0], positions[-1]
    if positions != list(range(first, last + 1)) or any(outcome[name] for name in _EACH):
        ids = message_ids_text(lease.run_id, positions)
        return _write(session, {**outcome, "ids": ids, "made_on": [made_on(lease.run_id)]})
    first_id, last_id = message_id(lease.run_id, first), message_id(lease.run_id, last)
    row = {"first": first, "first_id": first_id, "last_id": last_id, "day": made_on(lease.run_id)}
    return driver(session).execute(_RECORD_ROW, {**outcome, **row}).rowcount


def record_by_id(session: Session, results: Sequence[Result], sources: Sequence[MessageState], *, provider: str) -> int:
    """Write results of messages of any runs, or of none, that are in one of these states; returns how many were."""
    ids, days = [result.id for result in results], sorted({made_on(result.id) for result in results})
    return _write(session, {**_outcome(results, provider, sources), "ids": ids, "made_on": days})


_EACH = ("states", "codes", "details", "counted", "providers")


def _outcome(results: Sequence[Result], provider: str, sources: Sequence[MessageState]) -> dict[str, Any]:
    """What is written of results, apart from whose they are: what they have in common, and what they have not."""
    states, state = common_or_array([result.state for result in results])
    refs, ref = common_or_array([result.provider_ref for result in results])
    codes, code = common_or_array([result.code for result in results])
    details, detail = common_or_array([result.detail for result in results])
    counted, counts = common_or_array([result.counts_as_try for result in results])
    providers, common_provider = common_or_array([result.provider or provider for result in results])
    return {
        "states": [each.value for each in states],
        "state": state and state.value,
        "refs": quoted_array_text(refs),
        "ref": ref,
        "codes": codes,
        "code": code,
        "details": details,
        "detail": detail,
        "counted": [int(each) for each in counted],
        "counts": int(bool(counts)),
        "providers": providers,
        "provider": common_provider,
        "from": [source.value for source in sources],
    }


def _write(session: Session, values: Mapping[str, Any]) -> int:
    # A plan made for any number of ids is one for ten.
    return driver(session).execute(_RECORD, values, prepare=False).rowcount


def record_evidence(
    session: Session, lease: Lease, results: Sequence[Result], *, provider: str
) -> tuple[Counts, Decimal]:
    """Write accepted or failed results of a sender that lost its lease, where nothing truer is known.

    Returns how the chunk's counters must move, and what of it is refundable. The caller holds the chunk's row lock.
    """
    known = {
        state: [result for result in results if result.state is state]
        for state in (MessageState.ACCEPTED, MessageState.FAILED)
    }
    undecided = [MessageState(source) for source in sources_of(MESSAGE_MOVES, MessageState.ACCEPTED)]
    again = sent_again(session, [result.id for result in results])  # those are another sender's by now
    known = {state: [result for result in own if result.id not in again] for state, own in known.items()}
    refundable = _cost(session, lease, known[MessageState.FAILED], undecided)
    moved = {
        (state, source): _record(session, lease, known[state], provider, [source]) if known[state] else 0
        for state in known
        for source in undecided
    }
    counts = Counts(
        accepted=sum(moved[MessageState.ACCEPTED, source] for source in undecided),
        failed=sum(moved[MessageState.FAILED, source] for source in undecided),
        uncertain=-sum(moved[state, MessageState.UNCERTAIN] for state in known),
    )
    forget(session, [result.id for own in known.values() for result in own])
    return counts, refundable


def refundable_cost(session: Session, lease: Lease, results: Sequence[Result]) -> Decimal:
    """What the results' messages cost that no provider has. The messages are `planned`."""
    refused = [result for result in results if result.state in _REFUNDABLE]
    return _cost(session, lease, refused, [MessageState.PLANNED])


def _cost(session: Session, lease: Lease, results: Sequence[Result], sources: Sequence[MessageState]) -> Decimal:
    """What those of the results' messages cost that are in these states now."""
    if not results:
        return Decimal(0)
    row = (
        driver(session)
        .execute(
            "SELECT coalesce(sum(cost), 0) FROM messages WHERE id = ANY(%s) AND made_on = %s AND state = ANY(%s)",
            [[result.id for result in results], made_on(lease.run_id), [source.value for source in sources]],
        )
        .fetchone()
    )
    assert row is not None
    return Decimal(row[0])


def suppressed_among(session: Session, organization_id: UUID, channel: str, recipients: Sequence[str]) -> set[str]:
    """Those of the recipients who are suppressed right now."""
    rows = driver(session).execute(
        """
        SELECT recipient FROM suppressions
        WHERE organization_id = %s AND channel = %s AND recipient = ANY(%s)
          AND (expires_at IS NULL OR expires_at > now())
        """,
        [organization_id, channel, list(recipients)],
    )
    return {row[0] for row in rows}


_CANCEL = """
WITH gone AS (
    UPDATE messages SET state = 'cancelled', error_code = 'cancelled'
    WHERE id = ANY(%(ids)s::uuid[]) AND made_on = %(made_on)s AND state = ANY(%(from)s)
    RETURNING cost
)
UPDATE chunks SET state = 'done', lease_until = NULL, cancelled = cancelled + (SELECT count(*) FROM gone),
                  refundable = refundable + (SELECT coalesce(sum(cost), 0) FROM gone)
WHERE run_id = %(run)s AND no = %(no)s AND fence = %(fence)s AND state = %(leased)s
RETURNING cancelled
"""


def cancel_chunk(session: Session, lease: Lease) -> int:
    """Cancel what a leased chunk has not handed over, and end it; returns how many messages. Raises StaleLease.

    What is before the cursor is decided, or waits for a second try in a chunk of its own.
    """
    ids = lease.message_ids(lease.cursor, lease.size)
    parameters = {
        "ids": ids,
        "made_on": made_on(lease.run_id),
        "run": lease.run_id,
        "no": lease.no,
        "fence": lease.fence,
        "leased": ChunkState.LEASED.value,
        "from": sources_of(MESSAGE_MOVES, MessageState.CANCELLED),
    }
    row = driver(session).execute(_CANCEL, parameters).fetchone()
    if row is None:
        raise StaleLease(f"Chunk {lease.no} of run {lease.run_id} is another sender's by now.")
    return int(row[0])

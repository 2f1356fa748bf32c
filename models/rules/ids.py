"""Identifiers: UUIDv7 (RFC 9562, section 5.7), and those of messages, which follow from the run and the
position.

A message's id is made of
    48 bits  the run's own milliseconds,
     4 bits  version 7,
    12 bits  hash of the run's id,
     2 bits  variant,
    30 bits  hash of the run's id,
    32 bits  the position, as eight *decimal* digits.
So its text is a constant prefix and a zero-filled number, which a frame makes for a million rows without a
loop; ids of a run lie in order on disk; and the same plan made twice gives the same ids.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from uuid_utils import compat

POSITION_DIGITS = 8
POSITIONS_MAX = 10**POSITION_DIGITS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def new_id() -> UUID:
    """A new UUIDv7, later than all that this process made before."""
    return compat.uuid7()


def least_id_at(at: datetime) -> UUID:
    """Not an id, but what all ids that were made at a time, or later, are above."""
    return UUID(int=((at - _EPOCH) // timedelta(milliseconds=1)) << 80)


def run_message_prefix(run_id: UUID) -> str:
    """The first 28 characters of the text of every message id of the run."""
    digest = hashlib.sha256(run_id.bytes).digest()
    rand_a = int.from_bytes(digest[:2]) >> 4
    rand_b_high = int.from_bytes(digest[2:6]) >> 2
    high = (run_id.int >> 80) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b_high << 32
    return str(UUID(int=high))[:-POSITION_DIGITS]


def message_id(run_id: UUID, position: int) -> UUID:
    """The id of the run's message at `position` (0 to 99,999,999). Raises ValueError outside of that."""
    if not 0 <= position < POSITIONS_MAX:
        raise ValueError(f"A position is between 0 and {POSITIONS_MAX - 1}, not {position}.")
    return UUID(f"{run_message_prefix(run_id)}{position:0{POSITION_DIGITS}d}")


def message_ids(run_id: UUID, count: int) -> list[UUID]:
    """The ids of the run's first `count` messages, in order."""
    prefix = run_message_prefix(run_id)
    return [UUID(f"{prefix}{position:08d}") for position in range(count)]


def message_ids_text(run_id: UUID, positions: Iterable[int]) -> str:
    """The ids of these positions as Postgres writes a uuid[]: {a,b,…}.

    Made of text at once: a UUID object for each, and its dumping by the driver, takes ten times as long.
    """
    prefix = run_message_prefix(run_id)
    return "{" + ",".join([f"{prefix}{position:08d}" for position in positions]) + "}"


def message_id_range(run_id: UUID, first: int = 0, last: int = POSITIONS_MAX - 1) -> tuple[UUID, UUID]:
    """The lowest and highest id, both inclusive, of the positions `first` to `last` of a run."""
    return message_id(run_id, first), message_id(run_id, last)


def id_time(identifier: UUID) -> datetime:
    """When the id was made: its first 48 bits, in UTC, to the millisecond. Of a message: when its run was.

    Ids come from clients too, and a random one may claim the year 10889: such are said to be of the end of 9999.
    """
    return _EPOCH + timedelta(milliseconds=min(identifier.int >> 80, _LAST_MILLISECOND))


def made_on(identifier: UUID) -> date:
    """The day (UTC) of the id, by which the tables of messages and events are partitioned."""
    return id_time(identifier).date()

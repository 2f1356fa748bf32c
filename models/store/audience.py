"""What a plan reads and writes, as frames. Columns: tasks/audience/frames.py; only the needed ones are read."""

from collections.abc import Sequence
from uuid import UUID

import polars as pl
from psycopg import sql
from sqlalchemy.orm import Session

from models.rules import quiet_hours
from models.rules.ids import made_on
from models.rules.lifecycle import MessageState
from models.session import driver
from models.store.frames import read_frame, write_frame

_SOURCES = {"contact_id": sql.SQL("c.id"), "custom_fields": sql.SQL("c.custom_fields")}


def read_members(
    session: Session, organization_id: UUID, list_ids: Sequence[UUID], columns: Sequence[str]
) -> pl.DataFrame:
    """One row per membership in the lists, or per contact where no list is named; `columns` as String."""
    selected = _selected(columns)
    if list_ids:
        return _read(session, _MEMBERS.format(selected), [organization_id, list(list_ids)], columns)
    everybody = sql.SQL("SELECT {} FROM contacts c WHERE c.organization_id = %s").format(selected)
    return _read(session, everybody, [organization_id], columns)


def read_chosen(
    session: Session,
    organization_id: UUID,
    list_ids: Sequence[UUID],
    contact_ids: Sequence[UUID],
    columns: Sequence[str],
) -> pl.DataFrame:
    """One row per membership in the lists and one per contact named by its id; `columns` as String."""
    selected = _selected(columns)
    named = sql.SQL("SELECT {} FROM contacts c WHERE c.organization_id = %s AND c.id = ANY(%s)").format(selected)
    query = sql.SQL(" UNION ALL ").join([_MEMBERS.format(selected), named])
    return _read(session, query, [organization_id, list(list_ids), organization_id, list(contact_ids)], columns)


_MEMBERS = sql.SQL(
    "SELECT {} FROM contact_list_members m"
    " JOIN contacts c ON c.organization_id = m.organization_id AND c.id = m.contact_id"
    " WHERE m.organization_id = %s AND m.list_id = ANY(%s)"
)


def _selected(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_SOURCES.get(name, sql.SQL("c.") + sql.Identifier(name)), sql.Identifier(name))
        for name in columns
    )


def _read(session: Session, query: sql.Composed, parameters: list[object], columns: Sequence[str]) -> pl.DataFrame:
    # Right after an import the planner knows nothing of the new rows and takes a nested loop: 11 s for 20,000
    # members instead of 0.1 s. All members are read, so a hash join is always right.
    connection = driver(session)
    connection.execute("SET LOCAL enable_nestloop = off")
    frame = read_frame(session, query, parameters, dict.fromkeys(columns, pl.String))
    connection.execute("SET LOCAL enable_nestloop = on")
    return frame


def read_suppressed(session: Session, organization_id: UUID, channel: str) -> pl.DataFrame:
    """The recipients that are suppressed now: one column, `recipient`."""
    query = sql.Composed(
        [
            sql.SQL(
                "SELECT recipient FROM suppressions WHERE organization_id = %s AND channel = %s"
                " AND (expires_at IS NULL OR expires_at > now())"
            )
        ]
    )
    return read_frame(session, query, [organization_id, channel], {"recipient": pl.String})


def write_plan(
    session: Session,
    *,
    run_id: UUID,
    organization_id: UUID,
    content_id: UUID,
    channel: str,
    messages: pl.DataFrame,
    chunks: pl.DataFrame,
    dropped: pl.DataFrame,
    waiting: pl.DataFrame | None = None,
) -> None:
    """Append the plan of a run: messages (MESSAGES), chunks (CHUNKS) and dropped recipients (DROPPED).

    `waiting` (WAITING): those of the messages that are in quiet hours, and in no chunk.
    """
    own = {"run_id": run_id, "organization_id": organization_id}
    same = {**own, "made_on": made_on(run_id), "content_id": content_id, "channel": channel}
    messages = messages.with_columns(dedupe_key="recipient")
    if waiting is not None and waiting.height:
        waits = pl.col("position").is_in(waiting["position"].implode())
        messages = messages.with_columns(
            state=pl.when(waits)
            .then(pl.lit(MessageState.DEFERRED.value))
            .otherwise(pl.lit(MessageState.PLANNED.value)),
            error_code=pl.when(waits).then(pl.lit(quiet_hours.CODE)),
        )
        write_frame(session, "deferrals", waiting, own)
    write_frame(session, "messages", messages, same)
    write_frame(session, "chunks", chunks, own)
    numbered = dropped.with_columns(no=pl.int_range(pl.len(), dtype=pl.Int32))
    write_frame(session, "dropped_recipients", numbered, own)

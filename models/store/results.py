"""What became of each recipient of a run: the columns of the view `results.recipients`."""

from uuid import UUID

import polars as pl
from psycopg import sql
from sqlalchemy.orm import Session

from models.store.frames import ColumnTypes, read_frame

RECIPIENTS: ColumnTypes = {
    "run_id": pl.String,
    "message_id": pl.String,
    "contact_id": pl.String,
    "channel": pl.String,
    "recipient": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "cost": pl.Decimal(14, 4),
    "tries": pl.Int16,
    "provider": pl.String,
    "provider_ref": pl.String,
    "sent_at": pl.String,
    "resends": pl.Int16,
}


def read_recipients(session: Session, run_id: UUID) -> pl.DataFrame:
    """One row per recipient, dropped ones included (RECIPIENTS; `sent_at` as UTC timestamp)."""
    columns = [
        sql.SQL("to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') AS sent_at")
        if name == "sent_at"
        else sql.Identifier(name)
        for name in RECIPIENTS
    ]
    query = sql.SQL("SELECT {} FROM results.recipients WHERE run_id = %s").format(sql.SQL(", ").join(columns))
    frame = read_frame(session, query, [run_id], RECIPIENTS)
    return frame.with_columns(pl.col("sent_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_zone="UTC"))

"""Signs of life of processes."""

from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session


def beat(session: Session, name: str, kind: str, details: dict[str, Any]) -> None:
    """Say that the process lives; forget those of its kind that were silent for an hour."""
    session.execute(_BEAT, {"name": name, "kind": kind, "details": orjson.dumps(details).decode()})
    session.execute(
        text("DELETE FROM heartbeats WHERE kind = :kind AND seen_at < now() - interval '1 hour'"), {"kind": kind}
    )


def stop_beating(session: Session, name: str) -> None:
    """The process ends: it is not missed."""
    session.execute(text("DELETE FROM heartbeats WHERE name = :name"), {"name": name})


def last_seen(session: Session, kind: str) -> timedelta | None:
    """How long ago the liveliest process of the kind gave a sign; None when there is none."""
    silent: timedelta | None = session.execute(
        text("SELECT min(now() - seen_at) FROM heartbeats WHERE kind = :kind"), {"kind": kind}
    ).scalar_one()
    return silent


def count_alive(session: Session, kind: str, *, silent_seconds: float) -> int:
    """How many processes of the kind gave a sign of life lately."""
    count: int = session.execute(
        text(
            "SELECT count(*) FROM heartbeats WHERE kind = :kind AND seen_at > now() - make_interval(secs => :seconds)"
        ),
        {"kind": kind, "seconds": silent_seconds},
    ).scalar_one()
    return count


def engine_gauges(session: Session) -> list[tuple[str, str, int]]:
    """(gauge, label, value) of the engine over all organizations: open runs, their chunks, deferred messages."""
    return [(row.gauge, row.label, row.value) for row in session.execute(text("SELECT * FROM engine_gauges()"))]


def outbox_gauges(session: Session) -> list[tuple[str, int, float]]:
    """(channel, messages, seconds that the oldest has been due for) of the outbox, over all organizations."""
    rows = session.execute(text("SELECT * FROM outbox_gauges()"))
    return [(row.channel, row.messages, row.oldest_seconds) for row in rows]


_BEAT = text("""
    INSERT INTO heartbeats (name, kind, seen_at, details) VALUES (:name, :kind, now(), cast(:details AS jsonb))
    ON CONFLICT (name) DO UPDATE SET seen_at = now(), details = excluded.details
""")

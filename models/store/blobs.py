"""Files (uploaded CSVs, results.parquet, attachments), in Postgres, so that every machine sees the same ones."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import new_id
from models.tables import Blob, BlobPart

_PART_BYTES = 1024 * 1024


def write_blob(session: Session, organization_id: UUID, content: bytes, *, media_type: str, keep: timedelta) -> UUID:
    """Store a file for as long as `keep`; returns its id."""
    blob_id = new_id()
    session.execute(
        insert(Blob).values(
            id=blob_id,
            organization_id=organization_id,
            media_type=media_type,
            size=len(content),
            sha256=hashlib.sha256(content).digest(),
            expires_at=datetime.now(UTC) + keep,
        )
    )
    for no, start in enumerate(range(0, len(content), _PART_BYTES)):
        part = {
            "blob_id": blob_id,
            "no": no,
            "organization_id": organization_id,
            "content": content[start : start + _PART_BYTES],
        }
        session.execute(insert(BlobPart), part)
    return blob_id


def read_blob(session: Session, organization_id: UUID, blob_id: UUID) -> bytes:
    """The file's content. Raises NotFound when it is not there (any more), ValueError when it is damaged."""
    digest = session.execute(
        select(Blob.sha256).where(Blob.organization_id == organization_id, Blob.id == blob_id)
    ).scalar_one_or_none()
    if digest is None:
        raise NotFound
    parts = session.execute(
        select(BlobPart.content)
        .where(BlobPart.organization_id == organization_id, BlobPart.blob_id == blob_id)
        .order_by(BlobPart.no)
    ).scalars()
    content = b"".join(parts)
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(f"The stored file {blob_id} is damaged: its SHA-256 is another.")
    return content


def remove_expired_blobs(session: Session, *, limit: int) -> int:
    """Remove files whose time is over, the oldest first; returns how many. For the engine, over all organizations."""
    expired = (
        select(Blob.id)
        .where(Blob.expires_at < func.now())
        .order_by(Blob.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    removed = session.execute(delete(Blob).where(Blob.id.in_(expired)).returning(Blob.id))
    return len(removed.all())

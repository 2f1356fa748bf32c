"""CSV imports and what was wrong in them, and the files that are kept for runs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class ContactImport(Base):
    """One CSV import: the numbers of a run of kind `import` (same id). imported + skipped + errors_total = rows."""

    __tablename__ = "imports"

    id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    list_id: Mapped[UUID | None]
    file_name: Mapped[str | None]
    blob_id: Mapped[UUID]
    rows: Mapped[int] = mapped_column(server_default=text("0"))
    imported: Mapped[int] = mapped_column(server_default=text("0"))
    skipped: Mapped[int] = mapped_column(server_default=text("0"))
    errors_total: Mapped[int] = mapped_column(server_default=text("0"))
    warnings_total: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]


class ImportProblem(Base):
    """A row of a file that was not imported (`error`), or not as it stood (`warning`)."""

    __tablename__ = "import_problems"
    __table_args__ = (CheckConstraint("severity IN ('error', 'warning')", name="severity"),)

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    severity: Mapped[str] = mapped_column(primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)  # the record's number, the header being 1
    organization_id: Mapped[UUID]
    message: Mapped[str]


class Blob(Base):
    """A file: an uploaded CSV, a results.parquet, an attachment. Its content is in parts of 1 MiB."""

    __tablename__ = "blobs"

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    sha256: Mapped[bytes]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    created_at: Mapped[CreatedAt]


class BlobPart(Base):
    """One piece of a blob, in order of `no`."""

    __tablename__ = "blob_parts"
    __table_args__ = (ForeignKeyConstraint(["blob_id"], ["blobs.id"], ondelete="CASCADE"),)

    blob_id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    content: Mapped[bytes]

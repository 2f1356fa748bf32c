"""CSV imports: the upload, the contacts that come of it, and what was wrong with the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import run_message_prefix
from models.session import driver
from models.store.frames import write_frame
from models.tables import ContactImport, ImportProblem

_STAGING = """
CREATE TEMPORARY TABLE staged_contacts (
    id uuid, email text, first_name text, last_name text, phone text, custom_fields jsonb
) ON COMMIT DROP
"""

_INSERT = """
INSERT INTO contacts (organization_id, id, email, first_name, last_name, phone, custom_fields)
SELECT %(organization)s, id, email, first_name, last_name, phone, custom_fields FROM staged_contacts
ON CONFLICT (organization_id, email) DO NOTHING
"""

_KEEP_LIST = """
SELECT 1 FROM contact_lists WHERE organization_id = %(organization)s AND id = %(list)s FOR KEY SHARE
"""

_ADD_TO_LIST = """
WITH added AS (
    INSERT INTO contact_list_members (organization_id, list_id, contact_id)
    SELECT c.organization_id, %(list)s, c.id
    FROM staged_contacts s JOIN contacts c ON c.organization_id = %(organization)s AND c.email = s.email
    ON CONFLICT DO NOTHING RETURNING 1
)
UPDATE contact_lists SET contacts_count = contacts_count + (SELECT count(*) FROM added), updated_at = now()
WHERE organization_id = %(organization)s AND id = %(list)s
"""


def read_import(session: Session, organization_id: UUID, import_id: UUID) -> ContactImport:
    """The import. Raises NotFound."""
    found = session.execute(
        select(ContactImport).where(ContactImport.organization_id == organization_id, ContactImport.id == import_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def store_contacts(
    session: Session, organization_id: UUID, import_id: UUID, list_id: UUID | None, contacts: pl.DataFrame
) -> int:
    """Add the contacts (IMPORTED) that are not there yet; returns how many. All of them go on the list, if it is
    still there.

    Set-based: COPY into a temporary table, one INSERT. The new ids follow from the import, so a repeat after a crash
    makes the same ones.
    """
    connection = driver(session)
    connection.execute(_STAGING)
    number = pl.int_range(pl.len()).cast(pl.String).str.zfill(8)
    staged = contacts.select(
        pl.concat_str(pl.lit(run_message_prefix(import_id)), number).alias("id"),
        "email",
        "first_name",
        "last_name",
        "phone",
        "custom_fields",
    )
    write_frame(session, "staged_contacts", staged)
    own = {"organization": organization_id, "list": list_id}
    list_is_there = list_id is not None and connection.execute(_KEEP_LIST, own).fetchone() is not None
    imported = connection.execute(_INSERT, own).rowcount
    if list_is_there:
        connection.execute("ANALYZE staged_contacts")  # else the join of 100,000 rows is planned for 1,000
        connection.execute(_ADD_TO_LIST, own)
    # Last, as in contacts.py: whoever removes a contact locks its lists before the organization.
    connection.execute(
        "UPDATE organizations SET contacts_count = contacts_count + %s WHERE id = %s", [imported, organization_id]
    )
    return imported


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """imported + skipped + errors = rows."""

    rows: int
    imported: int
    skipped: int
    errors: int
    warnings: int


def finish_import(
    session: Session,
    organization_id: UUID,
    import_id: UUID,
    counts: ImportCounts,
    errors: pl.DataFrame,
    warnings: pl.DataFrame,
) -> None:
    """Write down what came of it: the numbers, and every finding (columns `row`, `error`)."""
    assert counts.imported + counts.skipped + counts.errors == counts.rows, counts
    own = {"import_id": import_id, "organization_id": organization_id}
    for severity, findings in (("error", errors), ("warning", warnings)):
        frame = findings.select("row", message="error")
        write_frame(session, "import_problems", frame, {**own, "severity": severity})
    session.execute(
        update(ContactImport)
        .where(ContactImport.organization_id == organization_id, ContactImport.id == import_id)
        .values(
            rows=counts.rows,
            imported=counts.imported,
            skipped=counts.skipped,
            errors_total=counts.errors,
            warnings_total=counts.warnings,
            finished_at=func.now(),
        )
    )


def list_problems(
    session: Session, organization_id: UUID, import_id: UUID, severity: str, *, limit: int | None = None
) -> Sequence[ImportProblem]:
    """Findings of an import in the order of the file; `limit` None: all of them."""
    return (
        session.execute(
            select(ImportProblem)
            .where(
                ImportProblem.organization_id == organization_id,
                ImportProblem.import_id == import_id,
                ImportProblem.severity == severity,
            )
            .order_by(ImportProblem.row)
            .limit(limit)
        )
        .scalars()
        .all()
    )


def lock_contacts(session: Session, organization_id: UUID) -> None:
    """Let one import of an organization write at a time: two with the same new addresses would deadlock."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('import:' || :organization, 0))"),
        {"organization": str(organization_id)},
    )

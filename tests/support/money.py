"""Credits, counted twice."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from models.session import Database


def balance_and_ledger(database: Database, organization_id: UUID) -> tuple[Decimal, Decimal]:
    """The organization's balance, and the sum of its ledger: always the same."""
    with database.transaction(None) as session:
        row = session.execute(
            text("""
                SELECT balance, (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE organization_id = o.id)
                FROM organizations o WHERE id = :organization
            """),
            {"organization": organization_id},
        ).one()
    return row[0], row[1]

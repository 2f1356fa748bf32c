"""Sender IDs: both stages of approval with reason and times, messages counted; the example prices of SMS.

Revision: 0006, after 0005.
"""

import csv
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PRICES = Path(__file__).parents[1] / "prices-2026-01-01.csv"


def upgrade() -> None:
    op.add_column(
        "sender_ids", sa.Column("admin_status", sa.Text(), server_default=sa.text("'pending'"), nullable=False)
    )
    op.add_column(
        "sender_ids", sa.Column("provider_status", sa.Text(), server_default=sa.text("'pending'"), nullable=False)
    )
    op.add_column("sender_ids", sa.Column("rejection_reason", sa.Text(), nullable=True))
    op.add_column(
        "sender_ids", sa.Column("message_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("sender_ids", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sender_ids", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    _all_rows("""
        UPDATE sender_ids SET
            admin_status = CASE WHEN is_approved THEN 'approved' ELSE 'pending' END,
            provider_status = CASE WHEN is_approved AND is_provider_verified THEN 'verified' ELSE 'pending' END,
            approved_at = CASE WHEN is_approved THEN created_at END,
            verified_at = CASE WHEN is_approved AND is_provider_verified THEN created_at END
    """)
    op.drop_constraint(op.f("ck_sender_ids_default_is_verified"), "sender_ids")
    op.drop_column("sender_ids", "is_approved")
    op.drop_column("sender_ids", "is_provider_verified")
    op.create_check_constraint(
        op.f("ck_sender_ids_admin_status"), "sender_ids", "admin_status IN ('pending', 'approved', 'rejected')"
    )
    op.create_check_constraint(
        op.f("ck_sender_ids_provider_status"), "sender_ids", "provider_status IN ('pending', 'verified', 'rejected')"
    )
    op.create_check_constraint(
        op.f("ck_sender_ids_stages"), "sender_ids", "provider_status = 'pending' OR admin_status = 'approved'"
    )
    op.create_check_constraint(
        op.f("ck_sender_ids_default_is_verified"), "sender_ids", "NOT is_default OR provider_status = 'verified'"
    )
    with PRICES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    # The price of an email came with the tables; an operator who has set prices already keeps them.
    op.get_bind().execute(
        sa.text(
            "INSERT INTO prices (channel, prefix, currency, valid_from, price)"
            " VALUES (:channel, :prefix, :currency, :valid_from, :price) ON CONFLICT DO NOTHING"
        ),
        [{name: row[name] for name in ("channel", "prefix", "currency", "valid_from", "price")} for row in rows],
    )


def downgrade() -> None:
    op.execute("DELETE FROM prices WHERE channel = 'sms' AND currency = 'EUR' AND valid_from = '2026-01-01'")
    op.add_column("sender_ids", sa.Column("is_approved", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        "sender_ids", sa.Column("is_provider_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _all_rows(
        "UPDATE sender_ids SET is_approved = admin_status = 'approved', is_provider_verified = provider_status = 'verified'"
    )
    for name in ("default_is_verified", "stages", "provider_status", "admin_status"):
        op.drop_constraint(op.f(f"ck_sender_ids_{name}"), "sender_ids")
    op.create_check_constraint(
        op.f("ck_sender_ids_default_is_verified"),
        "sender_ids",
        "NOT is_default OR (is_approved AND is_provider_verified)",
    )
    for name in ("admin_status", "provider_status", "rejection_reason", "message_count", "approved_at", "verified_at"):
        op.drop_column("sender_ids", name)


def _all_rows(statement: str) -> None:
    """Change rows of every organization: row-level security, forced on the owner too, would show it none."""
    op.execute("ALTER TABLE sender_ids NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    op.execute("ALTER TABLE sender_ids FORCE ROW LEVEL SECURITY")

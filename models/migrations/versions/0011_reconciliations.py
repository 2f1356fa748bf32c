"""What came of reconciling.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"

# What /metrics shows. Numbers only, of all organizations together, so the API's role may have them.
LAST = """
    CREATE FUNCTION last_reconciliation() RETURNS TABLE (finished_at timestamptz, differences bigint, unfinished int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
        SELECT r.finished_at, r.differences, r.unfinished FROM reconciliations r
        WHERE r.organization_id IS NULL ORDER BY r.finished_at DESC LIMIT 1
    $$
"""


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organizations", sa.Integer(), nullable=False),
        sa.Column("comparisons", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("unfinished", sa.Integer(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_index("ix_reconciliations_finished_at", "reconciliations", ["finished_at"])
    op.execute("ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON reconciliations USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute(LAST)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute("ALTER FUNCTION last_reconciliation() OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute("REVOKE ALL ON FUNCTION last_reconciliation() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION last_reconciliation() TO exosend_api")


def downgrade() -> None:
    op.execute("DROP FUNCTION last_reconciliation()")
    op.drop_table("reconciliations")

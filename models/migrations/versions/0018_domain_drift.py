"""Verified domains are looked at again.

Revision: 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# What /metrics shows, of all organizations together. A number only, so the API's role may have it.
DRIFTING = """
CREATE FUNCTION drifting_domains() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM email_domains WHERE status = 'verified' AND drifting_since IS NOT NULL
$$
"""
# Those that are verified already take their turns over a day. Of its owner every row is hidden (row-level security).
FIRST_CHECKS = """
UPDATE email_domains SET next_check_at = now() + random() * interval '1 day'
WHERE status = 'verified' AND NOT verified_by_operator
"""


def upgrade() -> None:
    for name in ("next_check_at", "drifting_since"):
        op.add_column("email_domains", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("email_domains", sa.Column("misses", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column(
        "email_domains",
        sa.Column("problems", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index(
        "ix_email_domains_next_check_at",
        "email_domains",
        ["next_check_at"],
        postgresql_where=sa.text("status = 'verified'"),
    )
    op.execute("ALTER TABLE email_domains NO FORCE ROW LEVEL SECURITY")
    op.execute(FIRST_CHECKS)
    op.execute("ALTER TABLE email_domains FORCE ROW LEVEL SECURITY")
    op.execute(DRIFTING)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute("ALTER FUNCTION drifting_domains() OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute("REVOKE ALL ON FUNCTION drifting_domains() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION drifting_domains() TO exosend_api")


def downgrade() -> None:
    op.execute("DROP FUNCTION drifting_domains()")
    op.drop_index("ix_email_domains_next_check_at", table_name="email_domains")
    for name in ("problems", "misses", "drifting_since", "next_check_at"):
        op.drop_column("email_domains", name)

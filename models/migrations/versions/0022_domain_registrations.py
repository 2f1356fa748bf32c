"""Email domains with the providers that send for them.

Revision: 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"
STATES = "'pending', 'registered', 'verified', 'failed', 'by_hand', 'leaving'"


def upgrade() -> None:
    op.create_table(
        "domain_registrations",
        sa.Column("email_domain_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("is_ours", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("records", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("is_of_account", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_domain_registrations_state")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_domain_registrations_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("email_domain_id", "provider", name=op.f("pk_domain_registrations")),
    )
    op.create_index("ix_domain_registrations_next_try_at", "domain_registrations", ["next_try_at"])
    op.create_index("ix_domain_registrations_domain_provider", "domain_registrations", ["domain", "provider"])
    op.execute("ALTER TABLE domain_registrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON domain_registrations USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT SELECT ON domain_registrations TO exosend_api")


def downgrade() -> None:
    op.drop_table("domain_registrations")

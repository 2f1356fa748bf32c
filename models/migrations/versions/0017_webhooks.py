"""Webhooks: endpoints of organizations, and what is told to them.

Revision: 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"
NOW = sa.text("now()")


def _time(name: str, *, default: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=NOW if default else None, nullable=not default)


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        _time("previous_secret_until"),
        _time("disabled_at"),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _time("failing_since"),
        _time("rest_until"),
        sa.Column("dropped", sa.BigInteger(), server_default="0", nullable=False),
        _time("created_at", default=True),
        _time("updated_at", default=True),
        sa.CheckConstraint("cardinality(event_types) > 0", name=op.f("ck_webhook_endpoints_event_types")),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_secret_until IS NULL)",
            name=op.f("ck_webhook_endpoints_previous_secret"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_endpoints_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_organization_id", "webhook_endpoints", ["organization_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.dialects.postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        _time("due_at", default=True),
        _time("claimed_until"),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        _time("created_at", default=True),
        _time("finished_at"),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed', 'dropped')", name=op.f("ck_webhook_deliveries_status")
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "uq_webhook_deliveries_endpoint_id_event_id", "webhook_deliveries", ["endpoint_id", "event_id"], unique=True
    )
    for name, columns, where in (
        ("pending", ["endpoint_id", "due_at"], "status = 'pending'"),
        ("claimed", ["endpoint_id"], "claimed_until IS NOT NULL"),
        ("lost", ["endpoint_id", "id"], "status IN ('failed', 'dropped')"),
    ):
        op.create_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns, postgresql_where=sa.text(where))
    for table in ("webhook_endpoints", "webhook_deliveries"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints TO exosend_api")
    op.execute("GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO exosend_api")


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")

"""Guards: when a campaign pauses itself, what was seen before it was resumed, and the circuits of providers.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

PERCENTS = {"guard_failed_percent": "20", "guard_bounced_percent": "10", "guard_complained_percent": "0.5"}


def upgrade() -> None:
    op.add_column("organizations", sa.Column("guard_least", sa.Integer(), server_default="500", nullable=False))
    for name, default in PERCENTS.items():
        op.add_column("organizations", sa.Column(name, sa.Numeric(5, 2), server_default=default, nullable=True))
    within = " AND ".join(f"{name} BETWEEN 0 AND 100" for name in PERCENTS)
    op.create_check_constraint(op.f("ck_organizations_guards"), "organizations", f"guard_least > 0 AND {within}")
    op.add_column("campaigns", sa.Column("pause_reason", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("total_hard_bounced", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("guarded_from", sa.dialects.postgresql.JSONB(), nullable=True))
    op.add_column("chunks", sa.Column("takeovers", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "provider_circuits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("throttled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider_circuits")),
        prefixes=["UNLOGGED"],
    )
    op.execute("GRANT SELECT ON provider_circuits TO exosend_api")


def downgrade() -> None:
    op.drop_table("provider_circuits")
    op.drop_column("chunks", "takeovers")
    op.drop_column("runs", "guarded_from")
    op.drop_column("runs", "total_hard_bounced")
    op.drop_column("campaigns", "pause_reason")
    op.drop_constraint(op.f("ck_organizations_guards"), "organizations")
    for name in [*PERCENTS, "guard_least"]:
        op.drop_column("organizations", name)

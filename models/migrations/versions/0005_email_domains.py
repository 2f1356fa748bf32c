"""Email domains: DKIM keys, what DNS said, and the runs that ask it.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NOT_SHOWN_BEFORE = "r.kind <> 'import'"
NOT_SHOWN = "r.kind NOT IN ('import', 'verify_domain')"

RUNS = """
    CREATE OR REPLACE VIEW results.runs AS
    SELECT r.id AS run_id, r.organization_id, o.name AS organization, r.kind, r.state, r.campaign_id,
           c.name AS campaign, coalesce(c.channel, 'email') AS channel,
           r.total_recipients AS recipients,
           coalesce(k.accepted, 0)::int AS accepted, coalesce(k.failed, 0)::int AS failed,
           coalesce(k.suppressed, 0)::int AS suppressed, coalesce(k.cancelled, 0)::int AS cancelled,
           coalesce(k.uncertain, 0)::int AS uncertain,
           coalesce((SELECT sum((s ->> 'dropped')::int) FROM jsonb_array_elements(r.funnel -> 'steps') s), 0)::int AS dropped,
           r.total_delivered AS delivered, r.total_opened AS opened, r.total_clicked AS clicked,
           r.total_bounced AS bounced, r.total_complained AS complained,
           r.charged, r.refunded, r.charged - r.refunded AS cost, o.currency,
           r.created_at, r.planned_at, r.finished_at
    FROM runs r
    JOIN organizations o ON o.id = r.organization_id
    LEFT JOIN campaigns c ON c.id = r.campaign_id
    LEFT JOIN (
        SELECT run_id, sum(accepted) AS accepted, sum(failed) AS failed, sum(suppressed) AS suppressed,
               sum(cancelled) AS cancelled, sum(uncertain) AS uncertain
        FROM chunks GROUP BY run_id
    ) k ON k.run_id = r.id
    WHERE {shown}
"""


def upgrade() -> None:
    op.drop_constraint(op.f("ck_runs_kind"), "runs")
    op.create_check_constraint(op.f("ck_runs_kind"), "runs", "kind IN ('campaign', 'import', 'verify_domain')")
    op.execute(RUNS.format(shown=NOT_SHOWN))

    op.add_column("email_domains", sa.Column("region", sa.Text(), server_default=sa.text("'eu'"), nullable=False))
    for flag in ("spf_verified", "dkim_verified", "dmarc_verified", "verified_by_operator"):
        op.add_column("email_domains", sa.Column(flag, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        "email_domains", sa.Column("dkim_selector", sa.Text(), server_default=sa.text("'exosend'"), nullable=False)
    )
    op.add_column("email_domains", sa.Column("dkim_public_key", sa.Text(), nullable=True))
    op.add_column("email_domains", sa.Column("dkim_private_key", sa.LargeBinary(), nullable=True))
    op.add_column("email_domains", sa.Column("verification_run_id", sa.UUID(), nullable=True))
    op.add_column("email_domains", sa.Column("last_checked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_email_domains_verification_run_id"), "email_domains", ["verification_run_id"])
    op.create_check_constraint(op.f("ck_email_domains_region"), "email_domains", "region IN ('eu', 'us')")
    op.create_check_constraint(
        op.f("ck_email_domains_dkim_pair"), "email_domains", "(dkim_public_key IS NULL) = (dkim_private_key IS NULL)"
    )
    # Until now only an operator could verify one. The owner sees no row while row-level security is forced on him.
    op.execute("ALTER TABLE email_domains NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE email_domains SET verified_by_operator = true WHERE status = 'verified'")
    op.execute("ALTER TABLE email_domains FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_email_domains_dkim_pair"), "email_domains")
    op.drop_constraint(op.f("ck_email_domains_region"), "email_domains")
    for column in (
        "verification_run_id",
        "last_checked_at",
        "dkim_private_key",
        "dkim_public_key",
        "dkim_selector",
        "verified_by_operator",
        "dmarc_verified",
        "dkim_verified",
        "spf_verified",
        "region",
    ):
        op.drop_column("email_domains", column)

    op.execute(RUNS.format(shown=NOT_SHOWN_BEFORE))
    op.execute("ALTER TABLE runs NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM runs WHERE kind = 'verify_domain'")
    op.execute("ALTER TABLE runs FORCE ROW LEVEL SECURITY")
    op.drop_constraint(op.f("ck_runs_kind"), "runs")
    op.create_check_constraint(op.f("ck_runs_kind"), "runs", "kind IN ('campaign', 'import')")

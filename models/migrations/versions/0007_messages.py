"""Messages that are no campaign's: singles, bulk SMS, batches of email; the outbox; what providers report.

Revision: 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"
TABLES = ["outbox", "incoming_events"]
# Of each constraint: table, column, the words before and those added.
CHECKS = {
    "runs_kind": ("runs", "kind", ["campaign", "import", "verify_domain"], ["bulk", "batch"]),
    "chunks_state": ("chunks", "state", ["ready", "leased", "done"], ["outbox"]),
    "campaigns_status": (
        "campaigns",
        "status",
        ["draft", "scheduled", "sending", "paused", "completed", "cancelled", "failed"],
        ["sent"],
    ),
}

# The channel that it shows was the campaign's; bulk SMS have none.
RUNS_VIEW = """
    CREATE OR REPLACE VIEW results.runs AS
    SELECT r.id AS run_id, r.organization_id, o.name AS organization, r.kind, r.state, r.campaign_id,
           c.name AS campaign, coalesce(c.channel, {channel} 'email') AS channel,
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
    {contents}
    LEFT JOIN (
        SELECT run_id, sum(accepted) AS accepted, sum(failed) AS failed, sum(suppressed) AS suppressed,
               sum(cancelled) AS cancelled, sum(uncertain) AS uncertain
        FROM chunks GROUP BY run_id
    ) k ON k.run_id = r.id
    WHERE r.kind NOT IN ('import', 'verify_domain')
"""


def upgrade() -> None:
    for name, (table, column, before, added) in CHECKS.items():
        _one_of(name, table, column, [*before, *added])
    # A message of POST sms/send or emails/send is in no run.
    op.execute("ALTER TABLE messages ALTER COLUMN run_id DROP NOT NULL")
    op.add_column("messages", sa.Column("segments", sa.SmallInteger(), nullable=True))
    op.add_column("messages", sa.Column("to_name", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("metadata", postgresql.JSONB(none_as_null=True), nullable=True))
    for name in ("delivered_at", "opened_at", "clicked_at", "bounced_at"):
        op.add_column("messages", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_messages_organization_id_id", "messages", ["organization_id", "channel", "id"])
    op.create_index(op.f("ix_blobs_expires_at"), "blobs", ["expires_at"])
    op.add_column("runs", sa.Column("total_segments", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("runs", sa.Column("send_failures", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("runs", sa.Column("rest_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contents", sa.Column("sender_id", sa.Text(), nullable=True))
    op.add_column(
        "contents",
        sa.Column("attachments", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("campaigns", sa.Column("sender_id_id", sa.UUID(), nullable=True))
    op.add_column(
        "campaigns",
        sa.Column("contact_ids", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "campaigns",
        sa.Column("manual_phones", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index("ix_campaigns_sent", "campaigns", ["run_id"], postgresql_where=sa.text("status = 'sent'"))
    _create_outbox()
    _create_incoming_events()
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT INSERT ON outbox TO exosend_api")
    op.execute(
        RUNS_VIEW.format(
            channel="n.channel,",
            contents="LEFT JOIN contents n ON n.id = r.content_id",
        )
    )


def downgrade() -> None:
    op.execute(RUNS_VIEW.format(channel="", contents=""))
    for table in TABLES:
        op.drop_table(table)
    op.drop_index("ix_campaigns_sent", table_name="campaigns")
    for name in ("sender_id_id", "contact_ids", "manual_phones"):
        op.drop_column("campaigns", name)
    for name in ("total_segments", "send_failures", "rest_until"):
        op.drop_column("runs", name)
    for name in ("sender_id", "attachments"):
        op.drop_column("contents", name)
    op.drop_index(op.f("ix_blobs_expires_at"), table_name="blobs")
    op.drop_index("ix_messages_organization_id_id", table_name="messages")
    for name in ("segments", "to_name", "metadata", "delivered_at", "opened_at", "clicked_at", "bounced_at"):
        op.drop_column("messages", name)
    _all_rows("messages", "DELETE FROM messages WHERE run_id IS NULL")
    _all_rows("runs", "DELETE FROM runs WHERE kind IN ('bulk', 'batch')")
    _all_rows("campaigns", "UPDATE campaigns SET status = 'completed' WHERE status = 'sent'")
    op.execute("ALTER TABLE messages ALTER COLUMN run_id SET NOT NULL")
    for name, (table, column, before, _) in CHECKS.items():
        _one_of(name, table, column, before)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_outbox_channel")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["channel", "organization_id", "due_at"])
    # Every row is soon updated and deleted: what is dead must not pile up in front of what is due.
    op.execute(
        "ALTER TABLE outbox SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_threshold = 2000)"
    )
    op.create_index("ix_outbox_run_id", "outbox", ["run_id"], postgresql_where=sa.text("run_id IS NOT NULL"))


def _create_incoming_events() -> None:
    op.create_table(
        "incoming_events",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming_events")),
    )
    op.create_index("ix_incoming_events_occurred_at", "incoming_events", ["occurred_at"])


def _one_of(name: str, table: str, column: str, values: list[str]) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{name}"), table, f"{column} IN ({listed})")


def _all_rows(table: str, statement: str) -> None:
    """Change rows of every organization: row-level security, forced on the owner too, would show it none."""
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")

"""Reports: when they are due, what they leave on a message, the counts kept with them, bounces in a row.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"
READABLE = ["daily_counts", "run_links", "run_clients"]
TABLES = [*READABLE, "soft_bounces"]

DAILY_STATS = """
    CREATE OR REPLACE VIEW results.daily_stats AS
    SELECT (m.sent_at AT TIME ZONE 'UTC')::date AS day, m.organization_id, o.name AS organization, m.channel,
           count(*)::int AS sent,
           {counts},
           sum(m.cost) AS cost, o.currency
    FROM messages m JOIN organizations o ON o.id = m.organization_id
    WHERE m.sent_at IS NOT NULL
    GROUP BY 1, 2, 3, 4, o.currency
"""
BY_STATE = {
    "delivered": "m.state IN ('delivered', 'opened', 'clicked')",
    "opened": "m.state IN ('opened', 'clicked')",
    "clicked": "m.state = 'clicked'",
    "bounced": "m.state = 'bounced'",
    "complained": "m.state = 'complained'",
}
# By what was reported, not by the state, which shows one thing only: a message that was opened and then complained
# of counts as both, as it does in the API.
BY_REPORT = {name: f"m.{name}_at IS NOT NULL" for name in BY_STATE}

# What /metrics shows of the outbox, of all organizations together. Numbers only, so the API's role may have them.
OUTBOX_GAUGES = """
    CREATE FUNCTION outbox_gauges() RETURNS TABLE (channel text, messages bigint, oldest_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
        SELECT o.channel, count(*), greatest(0, extract(epoch FROM now() - min(o.due_at)))::float8
        FROM outbox o GROUP BY 1
    $$
"""


def upgrade() -> None:
    for name in ("complained_at", "unsubscribed_at"):
        op.add_column("messages", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "incoming_events",
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.drop_index("ix_incoming_events_occurred_at", table_name="incoming_events")
    op.create_index("ix_incoming_events_due_at", "incoming_events", ["due_at"])
    # Keys are written in the order of their time: an index of ranges costs next to nothing, and finds the old ones.
    op.create_index("ix_event_keys_made_at", "event_keys", ["made_at"], postgresql_using="brin")
    _create_daily_counts()
    _create_run_counts()
    op.create_table(
        "soft_bounces",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "recipient", "message_id", name=op.f("pk_soft_bounces")),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute(f"GRANT SELECT ON {', '.join(READABLE)} TO exosend_api")
    _write_daily_stats(BY_REPORT)
    op.execute(OUTBOX_GAUGES)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute("ALTER FUNCTION outbox_gauges() OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute("REVOKE ALL ON FUNCTION outbox_gauges() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION outbox_gauges() TO exosend_api")


def downgrade() -> None:
    op.execute("DROP FUNCTION outbox_gauges()")
    _write_daily_stats(BY_STATE)
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_event_keys_made_at", table_name="event_keys")
    op.drop_index("ix_incoming_events_due_at", table_name="incoming_events")
    op.drop_column("incoming_events", "due_at")
    op.create_index("ix_incoming_events_occurred_at", "incoming_events", ["occurred_at"])
    for name in ("complained_at", "unsubscribed_at"):
        op.drop_column("messages", name)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)


def _create_daily_counts() -> None:
    op.create_table(
        "daily_counts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        *map(_count, ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_daily_counts_channel")),
        sa.PrimaryKeyConstraint("organization_id", "channel", "day", "shard", name=op.f("pk_daily_counts")),
        postgresql_with={"fillfactor": "50"},
    )


def _create_run_counts() -> None:
    op.create_table(
        "run_links",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        _count("clicks"),
        _count("messages"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_links_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "hash", name=op.f("pk_run_links")),
    )
    op.create_table(
        "run_clients",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        _count("messages"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_clients_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "device", "client", name=op.f("pk_run_clients")),
    )


def _write_daily_stats(counts: dict[str, str]) -> None:
    columns = ",\n           ".join(f"count(*) FILTER (WHERE {what})::int AS {name}" for name, what in counts.items())
    op.execute(DAILY_STATS.format(counts=columns))

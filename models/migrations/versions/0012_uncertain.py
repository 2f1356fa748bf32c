"""Uncertain messages are kept in a list of their own, and judged by the organization's policy.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"

RECIPIENTS = """
    CREATE {verb} results.recipients AS
    SELECT m.run_id, m.organization_id, m.id AS message_id, m.contact_id, m.channel, m.recipient,
           m.state AS status, m.error_code AS reason, m.error_message AS detail, m.cost, m.tries,
           m.provider, m.provider_ref, m.sent_at {resends}
    FROM messages m
    UNION ALL
    SELECT d.run_id, d.organization_id, NULL, d.contact_id, coalesce(c.channel, 'email'), d.recipient,
           'dropped', d.reason, NULL, 0, 0::smallint, NULL, NULL, NULL {none}
    FROM dropped_recipients d
    JOIN runs r ON r.id = d.run_id
    LEFT JOIN campaigns c ON c.id = r.campaign_id
"""
UNCERTAIN = """
    CREATE VIEW results.uncertain AS
    SELECT m.id AS message_id, m.run_id, m.organization_id, o.name AS organization, m.channel, m.recipient,
           u.since, m.provider, m.error_code AS reason, m.error_message AS detail, m.cost, o.currency, m.tries,
           m.resends, u.is_held AS held
    FROM uncertain_messages u
    JOIN messages m ON m.id = u.message_id AND m.made_on = u.made_on
    JOIN organizations o ON o.id = u.organization_id
    WHERE m.state = 'uncertain'
"""

# Those there are. They were left alone so far, so they are held. The chunk that counted a message is the last it was in.
BACKFILL = """
    INSERT INTO uncertain_messages (message_id, made_on, organization_id, run_id, chunk_no, channel, since, is_held)
    SELECT m.id, m.made_on, m.organization_id, m.run_id,
           (SELECT max(k.no) FROM chunks k WHERE k.run_id = m.run_id AND (
                (k.positions IS NULL AND m.position >= k.first_position AND m.position < k.first_position + k.size)
                OR m.position = ANY(k.positions))),
           m.channel, coalesce(m.first_tried_at, now()), true
    FROM messages m WHERE m.state = 'uncertain'
"""


def upgrade() -> None:
    op.create_table(
        "uncertain_messages",
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("chunk_no", sa.Integer(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("judge_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_held", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_uncertain_messages_channel")),
        sa.CheckConstraint("decision IN ('accept', 'fail', 'resend')", name=op.f("ck_uncertain_messages_decision")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_uncertain_messages")),
    )
    op.create_index(
        "ix_uncertain_messages_judge_at",
        "uncertain_messages",
        ["judge_at"],
        postgresql_where=sa.text("NOT is_held OR decision IS NOT NULL"),
    )
    op.create_index("ix_uncertain_messages_run_id", "uncertain_messages", ["run_id", "message_id"])
    _over_all(["messages", "chunks"], BACKFILL)
    op.execute("ALTER TABLE uncertain_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON uncertain_messages USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT SELECT, UPDATE ON uncertain_messages TO exosend_api")
    op.add_column("messages", sa.Column("resends", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("chunk_no", sa.Integer(), server_default="0", nullable=False))
    # Nobody could choose so far: what stands there is the default, which is the absence of a choice now.
    op.alter_column("organizations", "uncertain_policy", nullable=True, server_default=None)
    _over_all(["organizations"], "UPDATE organizations SET uncertain_policy = NULL")
    op.execute(RECIPIENTS.format(verb="OR REPLACE VIEW", resends=", m.resends", none=", 0::smallint"))
    op.execute("GRANT USAGE, CREATE ON SCHEMA results TO exosend_engine")
    op.execute(UNCERTAIN)
    op.execute("ALTER VIEW results.uncertain OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA results FROM exosend_engine")
    op.execute("GRANT SELECT ON results.uncertain TO exosend_analyst")


def downgrade() -> None:
    op.execute("DROP VIEW results.uncertain")
    op.execute("DROP VIEW results.recipients")
    op.execute("GRANT USAGE, CREATE ON SCHEMA results TO exosend_engine")
    op.execute(RECIPIENTS.format(verb="VIEW", resends="", none=""))
    op.execute("ALTER VIEW results.recipients OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA results FROM exosend_engine")
    op.execute("GRANT SELECT ON results.recipients TO exosend_analyst")
    _over_all(["organizations"], "UPDATE organizations SET uncertain_policy = 'hold' WHERE uncertain_policy IS NULL")
    op.alter_column("organizations", "uncertain_policy", nullable=False, server_default=sa.text("'hold'"))
    op.drop_column("outbox", "chunk_no")
    op.drop_column("messages", "resends")
    op.drop_table("uncertain_messages")


def _over_all(tables: list[str], statement: str) -> None:
    """Run it over every organization's rows: row-level security, forced on the owner too, would show it none."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")

"""Callbacks of providers: their requests, events that name a message by the provider's reference, inbound SMS.

Revision: 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"
TENANT_TABLES = ["callbacks", "inbound_messages", "message_references"]

# The one way in for what a provider sends: who calls is known by a signature, not by a token, so the API's role is of no
# organization then. All of it or nothing, and nothing of a request that came before.
RECEIVE = """
CREATE FUNCTION receive_callback(
    callback_id uuid, scope text, organization uuid, content_hash bytea, called_url text, headers bytea, content bytea,
    what_is_wrong text, received timestamptz, reports json, texts json
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO callbacks (id, organization_id, provider, hash, url, headers_encrypted, body, events, problem,
                           received_at)
    VALUES (callback_id, organization, scope, content_hash, called_url, headers, content,
            json_array_length(reports) + json_array_length(texts), what_is_wrong, received)
    ON CONFLICT (provider, hash) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM receive_events(scope, organization, received, reports, texts);
    RETURN true;
END
$$
"""
EVENTS = """
CREATE FUNCTION receive_events(scope text, organization uuid, received timestamptz, reports json, texts json)
RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO incoming_events (id, organization_id, provider, key, message_id, provider_ref, recipient, kind,
                                 occurred_at, due_at, received_at, payload)
    SELECT id, organization, scope, key, message_id, provider_ref, recipient, kind, occurred_at, received, received,
           payload
    FROM json_to_recordset(reports) AS r (
        id uuid, key text, message_id uuid, provider_ref text, recipient text, kind text, occurred_at timestamptz,
        payload jsonb);
    INSERT INTO inbound_messages (id, organization_id, provider, key, sender, recipient, text, occurred_at, received_at)
    SELECT id, organization, scope, key, sender, recipient, text, occurred_at, received
    FROM json_to_recordset(texts) AS t (
        id uuid, key text, sender text, recipient text, text text, occurred_at timestamptz)
    ON CONFLICT (provider, key) DO NOTHING;
$$
"""

# What /metrics shows of what came in, of all organizations together. Numbers only, so the API's role may have them.
GAUGES = """
CREATE FUNCTION callback_gauges() RETURNS TABLE (gauge text, provider text, label text, value float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'due', '', '', count(*)::float8 FROM incoming_events WHERE due_at <= now() AND looks = 0
    UNION ALL
    SELECT 'oldest', '', '', coalesce(extract(epoch FROM now() - (
        SELECT min(due_at) FROM incoming_events WHERE due_at <= now())), 0)::float8
    UNION ALL
    SELECT 'parked', i.provider, '', count(*)::float8 FROM incoming_events i WHERE looks > 0 GROUP BY 2
    UNION ALL
    SELECT 'unreadable', '', '', count(*)::float8 FROM callbacks WHERE problem IS NOT NULL
    UNION ALL
    SELECT 'dropped', c.provider, c.outcome, c.events::float8 FROM report_counts c
$$
"""
FUNCTIONS = {
    "receive_callback(uuid, text, uuid, bytea, text, bytea, bytea, text, timestamptz, json, json)": RECEIVE,
    "callback_gauges()": GAUGES,
}


def upgrade() -> None:
    _extend_incoming_events()
    _create_callbacks()
    _create_inbound_messages()
    _create_message_references()
    op.create_table(
        "report_counts",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("provider", "outcome", name=op.f("pk_report_counts")),
    )
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute(EVENTS)
    op.execute("REVOKE ALL ON FUNCTION receive_events(text, uuid, timestamptz, json, json) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION receive_events(text, uuid, timestamptz, json, json) TO exosend_engine")
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    for signature, text in FUNCTIONS.items():
        op.execute(text)
        op.execute(f"ALTER FUNCTION {signature} OWNER TO exosend_engine")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO exosend_api")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP FUNCTION receive_events(text, uuid, timestamptz, json, json)")
    op.drop_table("report_counts")
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.execute("ALTER TABLE incoming_events NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM incoming_events WHERE organization_id IS NULL OR message_id IS NULL")
    op.execute("ALTER TABLE incoming_events FORCE ROW LEVEL SECURITY")
    op.drop_index("ix_incoming_events_parked", table_name="incoming_events")
    op.drop_constraint(op.f("ck_incoming_events_message"), "incoming_events")
    for name in ("looks", "received_at", "recipient", "provider_ref"):
        op.drop_column("incoming_events", name)
    for name in ("organization_id", "message_id"):
        op.alter_column("incoming_events", name, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=None if nullable else sa.text("now()"), nullable=nullable
    )


def _extend_incoming_events() -> None:
    for name in ("organization_id", "message_id"):
        op.alter_column("incoming_events", name, nullable=True)
    for name in ("provider_ref", "recipient"):
        op.add_column("incoming_events", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("incoming_events", _time("received_at"))
    op.add_column("incoming_events", sa.Column("looks", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(
        op.f("ck_incoming_events_message"), "incoming_events", "message_id IS NOT NULL OR provider_ref IS NOT NULL"
    )
    op.create_index("ix_incoming_events_parked", "incoming_events", ["provider"], postgresql_where=sa.text("looks > 0"))


def _create_callbacks() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("headers_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        _time("received_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("provider", "hash", name=op.f("uq_callbacks_provider_hash")),
    )
    op.create_index("ix_callbacks_received_at", "callbacks", ["received_at"], postgresql_using="brin")
    op.create_index("ix_callbacks_problem", "callbacks", ["id"], postgresql_where=sa.text("problem IS NOT NULL"))


def _create_inbound_messages() -> None:
    op.create_table(
        "inbound_messages",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        _time("received_at"),
        _time("handled_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_messages")),
        sa.UniqueConstraint("provider", "key", name=op.f("uq_inbound_messages_provider_key")),
    )
    op.create_index(
        "ix_inbound_messages_waiting", "inbound_messages", ["id"], postgresql_where=sa.text("handled_at IS NULL")
    )
    op.create_index("ix_inbound_messages_received_at", "inbound_messages", ["received_at"], postgresql_using="brin")


def _create_message_references() -> None:
    op.create_table(
        "message_references",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        _time("made_at"),
        sa.PrimaryKeyConstraint("provider", "ref", "message_id", name=op.f("pk_message_references")),
    )
    op.create_index("ix_message_references_made_at", "message_references", ["made_at"], postgresql_using="brin")

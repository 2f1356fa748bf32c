"""When a report came in, and is due, is said by the database's clock.

Revision: 0024, after 0023.
"""

from alembic import context, op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# `received` is what the clock of the machine that took it says. It stays a parameter for processes of the version
# before, which may run on while this is put in, and decides nothing: by a clock that is an hour ahead a complaint was
# due an hour late, by one that is behind a report that overtook its answer was too old at once.
_EVENTS = """
CREATE OR REPLACE FUNCTION receive_events(
    scope text, organization uuid, received timestamptz, reports json, texts json
) RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO incoming_events (id, organization_id, provider, key, message_id, provider_ref, recipient, kind,
                                 occurred_at, due_at, received_at, payload)
    SELECT id, organization, scope, key, message_id, provider_ref, recipient, kind, occurred_at, now(), now(), payload
    FROM json_to_recordset(reports) AS r (
        id uuid, key text, message_id uuid, provider_ref text, recipient text, kind text, occurred_at timestamptz,
        payload jsonb);
    INSERT INTO inbound_messages (id, organization_id, provider, key, sender, recipient, text, occurred_at, received_at)
    SELECT id, organization, scope, key, sender, recipient, text, occurred_at, now()
    FROM json_to_recordset(texts) AS t (
        id uuid, key text, sender text, recipient text, text text, occurred_at timestamptz)
    ON CONFLICT (provider, key) DO NOTHING;
$$
"""


def upgrade() -> None:
    op.execute(_EVENTS)


def downgrade() -> None:
    before = context.script.get_revision("0016").module.EVENTS
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))

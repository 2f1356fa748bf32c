"""What is tracked of mails, whose links lead where, and two doors for who comes by a link: nobody knows them.

Revision: 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SWITCHES = ("track_opens", "track_clicks")
SIGNATURES = ("linked_message(uuid, date)", "park_engagement(uuid[], text[], uuid[], date[], text[], float8[], text[])")
FUNCTIONS = """
-- Whose message a link is of. Whoever asks has shown a token that was signed with the message's id.
CREATE FUNCTION linked_message(wanted uuid, wanted_day date)
RETURNS TABLE (organization_id uuid, organization text, recipient text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id, o.name, m.recipient
    FROM messages m JOIN organizations o ON o.id = m.organization_id
    WHERE m.id = wanted AND m.made_on = wanted_day AND m.channel = 'email'
$$;

-- Keep what was done with messages, of all organizations, until the courier applies it. What is about no message is
-- dropped: it was removed since. `times` are seconds since 1970.
CREATE FUNCTION park_engagement(
    ids uuid[], keys text[], messages uuid[], days date[], kinds text[], times float8[], payloads text[])
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH parked AS (
        INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, payload)
        SELECT e.id, m.organization_id, 'exosend', e.key, e.message_id, e.kind, to_timestamp(e.at), e.payload::jsonb
        FROM unnest(ids, keys, messages, days, kinds, times, payloads)
             AS e (id, key, message_id, day, kind, at, payload)
        JOIN messages m ON m.id = e.message_id AND m.made_on = e.day
        RETURNING 1
    )
    SELECT count(*) FROM parked
$$;
"""


def upgrade() -> None:
    op.add_column("contents", sa.Column("tracking", JSONB(), nullable=True))
    op.add_column("email_domains", sa.Column("tracking_host", sa.Text(), nullable=True))
    for name in SWITCHES:
        op.add_column("organizations", sa.Column(name, sa.Boolean(), server_default=sa.text("true"), nullable=False))
        op.add_column("campaigns", sa.Column(name, sa.Boolean(), nullable=True))
    op.execute(FUNCTIONS)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    for signature in SIGNATURES:
        op.execute(f"ALTER FUNCTION {signature} OWNER TO exosend_engine")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO exosend_api")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")


def downgrade() -> None:
    for signature in SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    for name in SWITCHES:
        op.drop_column("campaigns", name)
        op.drop_column("organizations", name)
    op.drop_column("email_domains", "tracking_host")
    op.drop_column("contents", "tracking")

"""Requests: how many an organization made in the last minute, and the answers that are kept under a key.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ["idempotency_keys", "request_counts"]
OWN_ROWS = "organization_id = (SELECT app_organization())"

FUNCTIONS = """
-- Takes one of the requests that an organization may make in a minute. The minute begins with a request, and the first
-- one after it has passed begins the next. Requests queue for the row, so the limit is exact over all processes; one
-- that is refused changes nothing. A minute that lies in the future, since the clock was set back, has passed as well.
CREATE FUNCTION count_request(wanted_organization uuid, allowed int)
RETURNS TABLE (remaining int, retry_after int)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    counted request_counts;
BEGIN
    INSERT INTO request_counts AS c (organization_id, counted_from, requests) VALUES (wanted_organization, moment, 1)
    ON CONFLICT (organization_id) DO UPDATE SET
        counted_from = CASE WHEN c.counted_from BETWEEN moment - interval '1 minute' AND moment + interval '1 minute'
                       THEN c.counted_from ELSE moment END,
        requests = CASE WHEN c.counted_from BETWEEN moment - interval '1 minute' AND moment + interval '1 minute'
                   THEN c.requests + 1 ELSE 1 END
    WHERE c.requests < allowed
       OR c.counted_from NOT BETWEEN moment - interval '1 minute' AND moment + interval '1 minute'
    RETURNING c.* INTO counted;
    IF FOUND THEN
        RETURN QUERY SELECT allowed - counted.requests, NULL::int;
    ELSE
        RETURN QUERY
            SELECT 0, greatest(1, ceil(extract(epoch FROM c.counted_from + interval '1 minute' - moment)))::int
            FROM request_counts c WHERE c.organization_id = wanted_organization;
    END IF;
END
$$;

-- Every request begins with it: whose token is this, and may it make another request? Like authenticate_token it runs
-- as the engine's role, and says nothing about a token whose secret was not shown.
CREATE FUNCTION admit_request(wanted_id uuid, wanted_hash bytea)
RETURNS TABLE (organization_id uuid, user_id uuid, abilities text[], rate_limit int, remaining int, retry_after int)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.organization_id, a.user_id, a.abilities, a.rate_limit, c.remaining, c.retry_after
    FROM authenticate_token(wanted_id, wanted_hash) a, LATERAL count_request(a.organization_id, a.rate_limit) c
$$;
"""


def upgrade() -> None:
    op.create_table(
        "request_counts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_request_counts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_request_counts")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_made_at", "idempotency_keys", ["made_at"])
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO exosend_api")

    op.execute(FUNCTIONS)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute("ALTER FUNCTION count_request(uuid, int) OWNER TO exosend_engine")
    op.execute("ALTER FUNCTION admit_request(uuid, bytea) OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute("REVOKE ALL ON FUNCTION count_request(uuid, int), admit_request(uuid, bytea) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION admit_request(uuid, bytea) TO exosend_api")


def downgrade() -> None:
    op.execute("DROP FUNCTION admit_request(uuid, bytea)")
    op.execute("DROP FUNCTION count_request(uuid, int)")
    op.drop_table("idempotency_keys")
    op.drop_table("request_counts")

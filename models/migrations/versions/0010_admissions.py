"""Requests are admitted together: one statement for all that wait in a process.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SIGNATURE = "admit_requests(uuid[], bytea[])"
ADMIT_REQUESTS = """
-- Every request begins with it: whose token is this, and may it make another request? It answers for the tokens and the
-- hashes of their secrets, place by place; of those that are unknown, wrong, revoked or expired it says nothing.
--
-- An organization may make so many requests in a minute. The minute begins with a request, and the first one after it
-- has passed begins the next. Requests queue for the organization's row, so the limit is exact over all processes; what
-- is refused changes nothing. Of those that come together the first ones pass. A minute that lies in the future, since
-- the clock was set back, has passed as well.
CREATE FUNCTION admit_requests(wanted_ids uuid[], wanted_hashes bytea[])
RETURNS TABLE (place int, organization_id uuid, user_id uuid, abilities text[], rate_limit int,
               remaining int, retry_after int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    a_minute CONSTANT interval := '1 minute';
BEGIN
    RETURN QUERY
    WITH known AS MATERIALIZED (
        SELECT w.place, t.id, t.organization_id, t.user_id, t.abilities, t.last_used_at, o.rate_limit,
               row_number() OVER (PARTITION BY t.organization_id ORDER BY w.place)::int AS nth
        FROM unnest(wanted_ids, wanted_hashes) WITH ORDINALITY AS w (id, hash, place)
        JOIN api_tokens t ON t.id = w.id AND t.secret_hash = w.hash
        JOIN organizations o ON o.id = t.organization_id
        WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > moment) AND o.is_active
    ), used AS (
        -- Once a minute is exact enough for a person, and keeps requests from writing.
        UPDATE api_tokens t SET last_used_at = moment
        FROM (SELECT s.id FROM api_tokens s
              WHERE s.id IN (SELECT k.id FROM known k
                             WHERE k.last_used_at IS NULL OR k.last_used_at < moment - a_minute)
              ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED) stale
        WHERE t.id = stale.id
    ), counted AS (
        INSERT INTO request_counts AS c (organization_id, counted_from, requests_before, requests)
        SELECT k.organization_id, moment, 0, least(count(*)::int, min(k.rate_limit))
        FROM known k GROUP BY k.organization_id ORDER BY k.organization_id
        ON CONFLICT ON CONSTRAINT pk_request_counts DO UPDATE SET (counted_from, requests_before, requests) = (
            SELECT CASE WHEN goes_on THEN c.counted_from ELSE EXCLUDED.counted_from END,
                   CASE WHEN goes_on THEN c.requests ELSE 0 END,
                   CASE WHEN goes_on
                        THEN greatest(c.requests, least(c.requests + EXCLUDED.requests,
                             (SELECT o.rate_limit FROM organizations o WHERE o.id = EXCLUDED.organization_id)))
                        ELSE EXCLUDED.requests END
            FROM (SELECT c.counted_from BETWEEN EXCLUDED.counted_from - a_minute AND EXCLUDED.counted_from + a_minute)
                 AS minute (goes_on)
        )
        RETURNING c.organization_id, c.counted_from, c.requests_before
    )
    SELECT k.place::int, k.organization_id, k.user_id, k.abilities, k.rate_limit,
           greatest(0, k.rate_limit - c.requests_before - k.nth),
           CASE WHEN c.requests_before + k.nth > k.rate_limit
                THEN greatest(1, ceil(extract(epoch FROM c.counted_from + a_minute - moment)))::int END
    FROM known k JOIN counted c ON c.organization_id = k.organization_id;
END
$$;
"""


def upgrade() -> None:
    op.execute("DROP FUNCTION admit_request(uuid, bytea)")
    op.execute("DROP FUNCTION count_request(uuid, int)")
    op.add_column("request_counts", sa.Column("requests_before", sa.Integer(), server_default="0", nullable=False))
    op.execute(ADMIT_REQUESTS)
    _give_to_the_engine(SIGNATURE)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO exosend_api")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.drop_column("request_counts", "requests_before")
    op.execute(context.script.get_revision("0004").module.FUNCTIONS)
    _give_to_the_engine("count_request(uuid, int)", "admit_request(uuid, bytea)")
    op.execute("REVOKE ALL ON FUNCTION count_request(uuid, int), admit_request(uuid, bytea) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION admit_request(uuid, bytea) TO exosend_api")


def _give_to_the_engine(*functions: str) -> None:
    """So that they may see every organization's rows. Who is to own a function must be allowed to make one."""
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    for function in functions:
        op.execute(f"ALTER FUNCTION {function} OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")

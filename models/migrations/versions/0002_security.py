"""Row-level security, what each role may do, and the look-up of a token.

Revision: 0002, after 0001.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"

# Rows of the system (organization NULL) are readable by all, and written by the platform's own roles only.
SHARED_TABLES = ["email_templates", "email_template_versions"]

TENANT_TABLES = [
    "api_tokens",
    "audit_log",
    "blob_parts",
    "blobs",
    "campaigns",
    "chunks",
    "contact_list_members",
    "contact_lists",
    "contacts",
    "contents",
    "deferrals",
    "dropped_recipients",
    "email_domains",
    "events",
    "import_problems",
    "imports",
    "ledger_entries",
    "messages",
    "run_flows",
    "runs",
    "sender_ids",
    "suppressions",
    "users",
]

API_GRANTS = {
    "SELECT, INSERT, UPDATE, DELETE": [
        "api_tokens",
        "blob_parts",
        "blobs",
        "campaigns",
        "contact_list_members",
        "contact_lists",
        "contacts",
        "email_domains",
        "email_template_versions",
        "email_templates",
        "import_problems",
        "imports",
        "sender_ids",
        "suppressions",
        "users",
    ],
    "SELECT, INSERT, UPDATE": ["chunks", "contents", "messages", "runs", "run_flows"],
    "SELECT, INSERT": ["audit_log", "ledger_entries"],
    "SELECT, UPDATE": ["organizations"],
    "SELECT": ["alembic_version", "deferrals", "dropped_recipients", "events", "heartbeats", "prices"],
}

ENGINE_APPEND_ONLY = ["audit_log", "events", "ledger_entries"]

FUNCTIONS = """
CREATE FUNCTION app_organization() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('app.organization', true), '')::uuid $$;

-- The one way from a token to its organization. It runs as the engine's role, since nobody is known yet; it tells
-- nothing about a token whose secret was not shown.
CREATE FUNCTION authenticate_token(wanted_id uuid, wanted_hash bytea)
RETURNS TABLE (organization_id uuid, user_id uuid, abilities text[], rate_limit int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT t.organization_id, t.user_id, t.abilities, o.rate_limit
        FROM api_tokens t JOIN organizations o ON o.id = t.organization_id
        WHERE t.id = wanted_id AND t.secret_hash = wanted_hash AND t.revoked_at IS NULL
          AND (t.expires_at IS NULL OR t.expires_at > now()) AND o.is_active;
    IF FOUND THEN
        -- Once a minute is exact enough for a person, and keeps requests from writing.
        UPDATE api_tokens t SET last_used_at = now()
        WHERE t.id = wanted_id AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute');
    END IF;
END
$$;

-- What /metrics shows of all organizations together. Numbers only, so the API's role may have them.
CREATE FUNCTION engine_gauges() RETURNS TABLE (gauge text, label text, value bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'runs', r.kind || '/' || r.state, count(*) FROM runs r
    WHERE r.state NOT IN ('completed', 'cancelled', 'failed') GROUP BY 2
    UNION ALL
    SELECT 'chunks', c.state, count(*) FROM chunks c JOIN runs r ON r.id = c.run_id
    WHERE r.state NOT IN ('completed', 'cancelled', 'failed') GROUP BY 2
    UNION ALL
    SELECT 'deferred', '', count(*) FROM deferrals
$$;
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    for table in SHARED_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
        op.execute(f"CREATE POLICY system_rows ON {table} FOR SELECT USING (organization_id IS NULL)")
    op.execute("ALTER TABLE organizations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY own_rows ON organizations USING (id = (SELECT app_organization()))")

    op.execute("GRANT USAGE ON SCHEMA public TO exosend_api, exosend_engine")
    for privileges, tables in API_GRANTS.items():
        op.execute(f"GRANT {privileges} ON {', '.join(tables)} TO exosend_api")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO exosend_engine")
    op.execute(f"REVOKE UPDATE, DELETE ON {', '.join(ENGINE_APPEND_ONLY)} FROM exosend_engine")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM exosend_engine")
    op.execute(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO exosend_engine"
    )

    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute("ALTER FUNCTION authenticate_token(uuid, bytea) OWNER TO exosend_engine")
    op.execute("ALTER FUNCTION engine_gauges() OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute("REVOKE ALL ON FUNCTION authenticate_token(uuid, bytea) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION authenticate_token(uuid, bytea) TO exosend_api")
    op.execute("REVOKE ALL ON FUNCTION engine_gauges() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION engine_gauges() TO exosend_api")
    # The courier makes partitions ahead as the engine; creating tables is the owner's.
    op.execute("ALTER FUNCTION ensure_partitions(int) SECURITY DEFINER SET search_path = public, pg_temp")
    op.execute("REVOKE ALL ON FUNCTION ensure_partitions(int) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ensure_partitions(int) TO exosend_engine")


def downgrade() -> None:
    op.execute("ALTER FUNCTION ensure_partitions(int) SECURITY INVOKER RESET search_path")
    op.execute("DROP FUNCTION engine_gauges()")
    op.execute("DROP FUNCTION authenticate_token(uuid, bytea)")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM exosend_engine")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM exosend_api, exosend_engine")
    op.execute("REVOKE USAGE ON SCHEMA public FROM exosend_api, exosend_engine")
    for table in [*TENANT_TABLES, *SHARED_TABLES, "organizations"]:
        op.execute(f"DROP POLICY own_rows ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
    for table in SHARED_TABLES:
        op.execute(f"DROP POLICY system_rows ON {table}")
    op.execute("DROP FUNCTION app_organization()")

"""The admin panel: sessions, log-in failures, forms sent; users that log in; the platform's own rows.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What a super admin sees and changes of every organization (docs/decisions/0012-the-admin-panel.md).
PLATFORM_TABLES = [
    "api_tokens",
    "audit_log",
    "email_template_versions",
    "email_templates",
    "ledger_entries",
    "organizations",
    "sender_ids",
    "users",
]

FUNCTIONS = """
-- Whether the transaction is done for a super admin who is logged in. Its word is not enough: the session must be there.
CREATE FUNCTION app_platform() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM admin_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id_hash = decode(nullif(current_setting('app.admin_session', true), ''), 'hex')
          AND s.expires_at > now() AND u.role = 'super_admin' AND u.disabled_at IS NULL
    )
$$;

-- Log-in: nobody is known yet. An account that may not log in has no password hash here, like one that is not there.
CREATE FUNCTION admin_account(wanted_email text) RETURNS TABLE (user_id uuid, organization_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.organization_id, u.password_hash
    FROM users u LEFT JOIN organizations o ON o.id = u.organization_id
    WHERE u.email = wanted_email AND u.password_hash IS NOT NULL AND u.disabled_at IS NULL
      AND coalesce(o.is_active, true)
$$;

CREATE FUNCTION open_admin_session(wanted_user uuid, new_hash bytea, lifetime interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM admin_sessions WHERE expires_at < now();
    DELETE FROM admin_forms WHERE made_at < now() - interval '1 day';
    INSERT INTO admin_sessions (id_hash, user_id, expires_at) VALUES (new_hash, wanted_user, now() + lifetime);
    UPDATE users SET last_login_at = now() WHERE id = wanted_user;
$$;

-- Who calls, by the hash of the cookie. That somebody was here is written once a minute: exact enough.
CREATE FUNCTION read_admin_session(wanted_hash bytea, idle interval)
RETURNS TABLE (user_id uuid, organization_id uuid, name text, email text, role text, must_change_password boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT u.id, u.organization_id, u.name, u.email, u.role, u.must_change_password
        FROM admin_sessions s JOIN users u ON u.id = s.user_id LEFT JOIN organizations o ON o.id = u.organization_id
        WHERE s.id_hash = wanted_hash AND s.expires_at > now() AND s.last_seen_at > now() - idle
          AND u.disabled_at IS NULL AND coalesce(o.is_active, true);
    IF FOUND THEN
        UPDATE admin_sessions s SET last_seen_at = now()
        WHERE s.id_hash = wanted_hash AND s.last_seen_at < now() - interval '1 minute';
    END IF;
END
$$;

CREATE FUNCTION close_admin_session(wanted_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM admin_sessions WHERE id_hash = wanted_hash
$$;

CREATE FUNCTION close_admin_sessions(wanted_user uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM admin_sessions WHERE user_id = wanted_user
$$;

-- Counts a try before its password is looked at, so that many tries at once are not one. Returns 0 when it may go on,
-- else the seconds to wait. After `free` failures the wait is `first`, and doubles with each further one up to `most`.
-- Failures are forgotten a day after the last.
CREATE FUNCTION count_login(wanted_key bytea, free int, first int, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    found login_failures;
    waits int;
BEGIN
    DELETE FROM login_failures WHERE failed_at < moment - interval '1 day' AND key <> wanted_key;
    INSERT INTO login_failures (key, failures, failed_at, retry_at) VALUES (wanted_key, 0, moment, moment)
    ON CONFLICT (key) DO NOTHING;
    SELECT * INTO found FROM login_failures WHERE key = wanted_key FOR UPDATE;
    -- Others may have come between: by the clock of before, the try of one of them would be one of the future.
    moment := clock_timestamp();
    IF found.failed_at < moment - interval '1 day' THEN
        found.failures := 0;
    ELSIF found.retry_at > moment THEN
        RETURN greatest(1, ceil(extract(epoch FROM found.retry_at - moment)))::int;
    END IF;
    waits := CASE WHEN found.failures + 1 < free THEN 0
             ELSE least(most, first * power(2, least(found.failures + 1 - free, 20)))::int END;
    UPDATE login_failures SET failures = found.failures + 1, failed_at = moment,
                              retry_at = moment + make_interval(secs => waits)
    WHERE key = wanted_key;
    RETURN 0;
END
$$;

-- The try was right after all: the account's failures are forgotten, the address's one less.
CREATE FUNCTION forgive_login(account_key bytea, address_key bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM login_failures WHERE key = account_key;
    UPDATE login_failures SET failures = greatest(failures - 1, 0), retry_at = now() WHERE key = address_key;
$$;
"""
SIGNATURES = [
    "app_platform()",
    "admin_account(text)",
    "open_admin_session(uuid, bytea, interval)",
    "read_admin_session(bytea, interval)",
    "close_admin_session(bytea)",
    "close_admin_sessions(uuid)",
    "count_login(bytea, int, int, int)",
    "forgive_login(bytea, bytea)",
]


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "users", sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint(op.f("ck_users_platform"), "users", "(role = 'super_admin') = (organization_id IS NULL)")
    op.create_index(
        "uq_email_templates_system_slug",
        "email_templates",
        ["slug"],
        unique=True,
        postgresql_where=sa.text("organization_id IS NULL AND deleted_at IS NULL"),
    )
    _create_tables()
    op.execute(FUNCTIONS)
    for table in PLATFORM_TABLES:
        op.execute(
            f"CREATE POLICY platform_rows ON {table} TO exosend_api"
            " USING ((SELECT app_platform())) WITH CHECK ((SELECT app_platform()))"
        )
    op.execute("GRANT INSERT ON organizations TO exosend_api")
    op.execute("GRANT SELECT, INSERT, UPDATE ON admin_forms TO exosend_api")
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    for signature in SIGNATURES:
        op.execute(f"ALTER FUNCTION {signature} OWNER TO exosend_engine")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO exosend_api")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")


def _create_tables() -> None:
    op.create_table(
        "admin_sessions",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_admin_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_admin_sessions")),
    )
    op.create_index("ix_admin_sessions_user_id", "admin_sessions", ["user_id"])
    op.create_table(
        "login_failures",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_failures")),
    )
    op.create_table(
        "admin_forms",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.UUID(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("notice", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_admin_forms_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_admin_forms")),
    )


def downgrade() -> None:
    for table in PLATFORM_TABLES:
        op.execute(f"DROP POLICY platform_rows ON {table}")
    op.execute("REVOKE INSERT ON organizations FROM exosend_api")
    for signature in SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("admin_forms", "login_failures", "admin_sessions"):
        op.drop_table(table)
    op.drop_index("uq_email_templates_system_slug", "email_templates")
    op.drop_constraint(op.f("ck_users_platform"), "users")
    for column in ("must_change_password", "last_login_at", "disabled_at"):
        op.drop_column("users", column)

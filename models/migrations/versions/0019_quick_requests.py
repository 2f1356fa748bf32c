"""What every request of the API asks of the schema is answered without looking further than needed.

Revision: 0019, after 0018.
"""

from alembic import context, op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# The policies of the tables that the admin panel writes ask `app_platform()` of every statement, seven times when an SMS
# is written: 50 µs of a server for nothing, since only the panel says that it has a session. So that is asked first,
# in an expression that the planner puts in place of the call.
_APP_PLATFORM = """
CREATE FUNCTION super_admin_is_here() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM admin_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id_hash = decode(nullif(current_setting('app.admin_session', true), ''), 'hex')
          AND s.expires_at > now() AND u.role = 'super_admin' AND u.disabled_at IS NULL
    )
$$;

-- Whether the transaction is done for a super admin who is logged in. Its word is not enough: the session must be there.
CREATE OR REPLACE FUNCTION app_platform() RETURNS boolean LANGUAGE sql STABLE
RETURN nullif(current_setting('app.admin_session', true), '') IS NOT NULL AND super_admin_is_here();
"""
_SIGNATURE = "super_admin_is_here()"


def upgrade() -> None:
    op.execute(_APP_PLATFORM)
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute(f"ALTER FUNCTION {_SIGNATURE} OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO exosend_api")
    # Which list of prices is in force: without it all prices of a currency were read for each SMS.
    op.create_index("ix_prices_in_force", "prices", ["channel", "currency", "valid_from"])


def downgrade() -> None:
    op.drop_index("ix_prices_in_force", "prices")
    functions = context.script.get_revision("0008").module.FUNCTIONS
    before = functions[: functions.index("-- Log-in")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    op.execute(before)
    op.execute(f"DROP FUNCTION {_SIGNATURE}")

"""Accounts with providers: the platform's and organizations' own, with their credentials encrypted.

Revision: 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = app_organization()"
PLAIN = (
    "id, organization_id, channel, vendor, name, priority, weight, countries, rate_per_minute, is_active,"
    " created_at, updated_at"
)
SIGNATURE = "callback_account(uuid)"
CALLBACK_ACCOUNT = """
-- Whose callbacks come under an account's address, and the keys that they are signed with, encrypted. Also of an account
-- that sends nothing any more: reports of what it sent still come. Never its own credentials.
CREATE FUNCTION callback_account(wanted uuid)
RETURNS TABLE (vendor text, channel text, organization_id uuid, callback_keys_encrypted bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.vendor, a.channel, a.organization_id, a.callback_keys_encrypted
    FROM provider_accounts a WHERE a.id = wanted
$$;
"""


def upgrade() -> None:
    op.create_table(
        "provider_accounts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("callback_keys_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("priority", sa.Integer(), server_default="100", nullable=False),
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False),
        sa.Column("countries", sa.dialects.postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("rate_per_minute", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_provider_accounts_channel")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("ck_provider_accounts_priority")),
        sa.CheckConstraint("weight BETWEEN 1 AND 1000", name=op.f("ck_provider_accounts_weight")),
        sa.CheckConstraint(
            "countries IS NULL OR (channel = 'sms' AND cardinality(countries) > 0)",
            name=op.f("ck_provider_accounts_countries"),
        ),
        sa.CheckConstraint("rate_per_minute > 0", name=op.f("ck_provider_accounts_rate_per_minute")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_provider_accounts_organization_id_organizations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_accounts")),
    )
    op.create_index(
        "uq_provider_accounts_organization_id_channel_name",
        "provider_accounts",
        ["organization_id", "channel", "name"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.execute("ALTER TABLE provider_accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON provider_accounts USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("CREATE POLICY system_rows ON provider_accounts FOR SELECT USING (organization_id IS NULL)")
    op.execute(f"GRANT SELECT ({PLAIN}) ON provider_accounts TO exosend_api")
    op.execute(CALLBACK_ACCOUNT)
    # So that it may see every organization's rows. Who is to own a function must be allowed to make one.
    op.execute("GRANT CREATE ON SCHEMA public TO exosend_engine")
    op.execute(f"ALTER FUNCTION {SIGNATURE} OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA public FROM exosend_engine")
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO exosend_api")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.drop_table("provider_accounts")

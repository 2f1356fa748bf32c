"""Tables, the partitions of messages and events, and the price of an email.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# messages: an outcome rewrites its row. With a page half empty the new version fits beside the old one and no index
# is touched (HOT). Months ahead exist before they are needed; what falls outside lands in the default partition.
PARTITIONS = """
CREATE TABLE messages_default PARTITION OF messages DEFAULT WITH (fillfactor = 50);
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Rows that came before their partition are in the default one, and would forbid to make it: they move with it.
-- Row-level security is a matter of the parent: a partition asked by its own name shows its owner every row.
CREATE FUNCTION ensure_partitions(months_ahead int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made int := 0;
    first_day date;
    next_day date;
    partition text;
    part record;
BEGIN
    FOR step IN 0 .. months_ahead LOOP
        first_day := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step))::date;
        next_day := (first_day + interval '1 month')::date;
        FOR part IN
            SELECT * FROM (VALUES ('messages', ' WITH (fillfactor = 50)'), ('events', '')) AS t (parent, storage)
        LOOP
            partition := part.parent || '_y' || to_char(first_day, 'YYYY"m"MM');
            CONTINUE WHEN to_regclass(format('public.%I', partition)) IS NOT NULL;
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)' || part.storage, partition, part.parent);
            EXECUTE format(
                'WITH moved AS (DELETE FROM public.%I WHERE made_on >= %L AND made_on < %L RETURNING *) '
                'INSERT INTO public.%I SELECT * FROM moved',
                part.parent || '_default', first_day, next_day, partition
            );
            EXECUTE format(
                'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                part.parent, partition, first_day, next_day
            );
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
"""


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_organization_id_id", "audit_log", ["organization_id", "id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("subscribed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'unsubscribed', 'bounced', 'complained')", name=op.f("ck_contacts_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("organization_id", "email", name=op.f("uq_contacts_organization_id_email")),
    )
    op.create_table(
        "event_keys",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("provider", "key", name=op.f("pk_event_keys")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", "made_on", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (made_on)",
    )
    op.create_index("ix_events_message_id", "events", ["message_id"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("content_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("variables", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'planned'"), nullable=False),
        sa.Column("cost", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'deferred', 'uncertain', 'accepted', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'failed', 'suppressed', 'cancelled')",
            name=op.f("ck_messages_state"),
        ),
        sa.PrimaryKeyConstraint("id", "made_on", name=op.f("pk_messages")),
        sa.UniqueConstraint("run_id", "dedupe_key", "made_on", name=op.f("uq_messages_run_id_dedupe_key_made_on")),
        postgresql_partition_by="RANGE (made_on)",
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), server_default=sa.text("'EUR'"), nullable=False),
        sa.Column("balance", sa.Numeric(precision=14, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("rate_limit", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("uncertain_policy", sa.Text(), server_default=sa.text("'hold'"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("contacts_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "uncertain_policy IN ('resend', 'hold', 'fail')", name=op.f("ck_organizations_uncertain_policy")
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_organizations_balance")),
        sa.CheckConstraint("rate_limit > 0", name=op.f("ck_organizations_rate_limit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "prices",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_prices_channel")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_prices_price")),
        sa.PrimaryKeyConstraint("channel", "prefix", "currency", "valid_from", name=op.f("pk_prices")),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_buckets")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "blobs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_blobs_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
    )
    op.create_index(op.f("ix_blobs_organization_id"), "blobs", ["organization_id"], unique=False)
    op.create_table(
        "contact_lists",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("contacts_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_contact_lists_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contact_lists")),
    )
    op.create_index(
        "uq_contact_lists_organization_id_default",
        "contact_lists",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "uq_contact_lists_organization_id_name",
        "contact_lists",
        ["organization_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_table(
        "contents",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("'email'"), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("from_email", sa.Text(), nullable=True),
        sa.Column("from_name", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("template_id", sa.UUID(), nullable=True),
        sa.Column("template_version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_contents_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contents")),
        sa.UniqueConstraint("organization_id", "hash", name=op.f("uq_contents_organization_id_hash")),
    )
    op.create_table(
        "email_domains",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("default_from_email", sa.Text(), nullable=True),
        sa.Column("default_from_name", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("NOT is_default OR status = 'verified'", name=op.f("ck_email_domains_default_is_verified")),
        sa.CheckConstraint("status IN ('pending', 'verified', 'failed')", name=op.f("ck_email_domains_status")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_email_domains_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_domains")),
        sa.UniqueConstraint("organization_id", "domain", name=op.f("uq_email_domains_organization_id_domain")),
    )
    op.create_index(
        "uq_email_domains_domain_verified",
        "email_domains",
        ["domain"],
        unique=True,
        postgresql_where=sa.text("status = 'verified'"),
    )
    op.create_index(
        "uq_email_domains_organization_id_default",
        "email_domains",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "email_templates",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), server_default=sa.text("'custom'"), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("subject_template", sa.Text(), nullable=False),
        sa.Column("html_content", sa.Text(), nullable=True),
        sa.Column("text_content", sa.Text(), nullable=True),
        sa.Column("mjml_content", sa.Text(), nullable=True),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("times_used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "category IN ('transactional', 'marketing', 'notification', 'onboarding', 'custom')",
            name=op.f("ck_email_templates_category"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_email_templates_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_templates")),
    )
    op.create_index(
        "uq_email_templates_organization_id_slug",
        "email_templates",
        ["organization_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("balance_after", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('topup', 'release', 'refund')) = (amount >= 0) OR amount = 0",
            name=op.f("ck_ledger_entries_sign"),
        ),
        sa.CheckConstraint(
            "kind IN ('topup', 'hold', 'release', 'charge', 'refund')", name=op.f("ck_ledger_entries_kind")
        ),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_ledger_entries_balance_after")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_ledger_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_organization_id_seq", "ledger_entries", ["organization_id", "seq"], unique=False)
    op.create_index(
        "ix_ledger_entries_run_id",
        "ledger_entries",
        ["run_id"],
        unique=False,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_table(
        "sender_ids",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("sender_id", sa.Text(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_provider_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "NOT is_default OR (is_approved AND is_provider_verified)",
            name=op.f("ck_sender_ids_default_is_verified"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_sender_ids_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_ids")),
        sa.UniqueConstraint("organization_id", "sender_id", name=op.f("uq_sender_ids_organization_id_sender_id")),
    )
    op.create_index(
        "uq_sender_ids_organization_id_default",
        "sender_ids",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "suppressions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("'email'"), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_suppressions_channel")),
        sa.CheckConstraint(
            "reason IN ('hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import')",
            name=op.f("ck_suppressions_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_suppressions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint(
            "organization_id",
            "channel",
            "recipient",
            name=op.f("uq_suppressions_organization_id_channel_recipient"),
        ),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default=sa.text("'owner'"), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('super_admin', 'owner', 'member', 'viewer')", name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_users_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_index(op.f("ix_users_organization_id"), "users", ["organization_id"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("abilities", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{*}'"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_api_tokens_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
    )
    op.create_index(op.f("ix_api_tokens_organization_id"), "api_tokens", ["organization_id"], unique=False)
    op.create_table(
        "blob_parts",
        sa.Column("blob_id", sa.UUID(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_blob_parts_blob_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("blob_id", "no", name=op.f("pk_blob_parts")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("'email'"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'draft'"), nullable=False),
        sa.Column("email_template_id", sa.UUID(), nullable=True),
        sa.Column("email_domain_id", sa.UUID(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("html_content", sa.Text(), nullable=True),
        sa.Column("text_content", sa.Text(), nullable=True),
        sa.Column(
            "template_variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("from_email", sa.Text(), nullable=True),
        sa.Column("from_name", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("target_list_ids", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("segment_filters", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("send_rate_per_minute", sa.Integer(), nullable=True),
        sa.Column("batch_size", sa.Integer(), server_default=sa.text("100"), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("schedule_flow_run_id", sa.UUID(), nullable=True),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_campaigns_channel")),
        sa.CheckConstraint(
            "status IN ('draft', 'scheduled', 'sending', 'paused', 'completed', 'cancelled', 'failed')",
            name=op.f("ck_campaigns_status"),
        ),
        sa.CheckConstraint("batch_size BETWEEN 1 AND 1000", name=op.f("ck_campaigns_batch_size")),
        sa.CheckConstraint("send_rate_per_minute BETWEEN 1 AND 60000", name=op.f("ck_campaigns_send_rate_per_minute")),
        sa.ForeignKeyConstraint(
            ["email_domain_id"],
            ["email_domains.id"],
            name=op.f("fk_campaigns_email_domain_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["email_template_id"], ["email_templates.id"], name=op.f("fk_campaigns_email_template_id")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_campaigns_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    op.create_index("ix_campaigns_organization_id_id", "campaigns", ["organization_id", "channel", "id"], unique=False)
    op.create_index(
        "ix_campaigns_scheduled_at",
        "campaigns",
        ["scheduled_at"],
        unique=False,
        postgresql_where=sa.text("status = 'scheduled'"),
    )
    op.create_table(
        "contact_list_members",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_contact_list_members_organization_id_contact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "list_id"],
            ["contact_lists.organization_id", "contact_lists.id"],
            name=op.f("fk_contact_list_members_organization_id_list_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "list_id", "contact_id", name=op.f("pk_contact_list_members")),
    )
    op.create_index(
        "ix_contact_list_members_organization_id_contact_id",
        "contact_list_members",
        ["organization_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "email_template_versions",
        sa.Column("template_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("subject_template", sa.Text(), nullable=False),
        sa.Column("html_content", sa.Text(), nullable=True),
        sa.Column("text_content", sa.Text(), nullable=True),
        sa.Column("mjml_content", sa.Text(), nullable=True),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["email_templates.id"],
            name=op.f("fk_email_template_versions_template_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("template_id", "version", name=op.f("pk_email_template_versions")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=True),
        sa.Column("content_id", sa.UUID(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("batch_size", sa.Integer(), server_default=sa.text("100"), nullable=False),
        sa.Column("send_rate_per_minute", sa.Integer(), nullable=True),
        sa.Column("quoted_recipients", sa.Integer(), nullable=True),
        sa.Column("held", sa.Numeric(precision=14, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("charged", sa.Numeric(precision=14, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.Numeric(precision=14, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("total_recipients", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_delivered", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_opened", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_clicked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_bounced", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_complained", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_unsubscribed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("funnel", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("results_blob_id", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("alive_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('campaign', 'import')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'planning', 'sending', 'paused', 'closing', 'completed', 'cancelled', 'failed')",
            name=op.f("ck_runs_state"),
        ),
        sa.CheckConstraint("charged >= 0 AND refunded >= 0 AND refunded <= charged", name=op.f("ck_runs_money")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_runs_campaign_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_runs_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(
        "ix_runs_open",
        "runs",
        ["state", "alive_at"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('completed', 'cancelled', 'failed')"),
    )
    op.create_index("ix_runs_organization_id_id", "runs", ["organization_id", "id"], unique=False)
    op.create_index("uq_runs_campaign_id", "runs", ["campaign_id"], unique=True)
    op.create_table(
        "chunks",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'ready'"), nullable=False),
        sa.Column("first_position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("positions", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("accepted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("suppressed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("uncertain", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deferred", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refundable", sa.Numeric(precision=14, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('ready', 'leased', 'done')", name=op.f("ck_chunks_state")),
        sa.CheckConstraint("0 <= recorded AND recorded <= cursor AND cursor <= size", name=op.f("ck_chunks_cursor")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_chunks_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "no", name=op.f("pk_chunks")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_chunks_lease_until",
        "chunks",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_table(
        "deferrals",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_deferrals_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_deferrals")),
    )
    op.create_index("ix_deferrals_retry_at", "deferrals", ["retry_at"], unique=False)
    op.create_table(
        "dropped_recipients",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_dropped_recipients_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "no", name=op.f("pk_dropped_recipients")),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("list_id", sa.UUID(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("blob_id", sa.UUID(), nullable=False),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("imported", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("errors_total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("warnings_total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["runs.id"], name=op.f("fk_imports_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_imports_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_organization_id"), "imports", ["organization_id"], unique=False)
    op.create_table(
        "run_flows",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("flow_run_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_flows_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "flow_run_id", name=op.f("pk_run_flows")),
    )
    op.create_table(
        "import_problems",
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint("severity IN ('error', 'warning')", name=op.f("ck_import_problems_severity")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_problems_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "severity", "row", name=op.f("pk_import_problems")),
    )
    op.execute(PARTITIONS)
    op.execute("SELECT ensure_partitions(3)")
    op.execute(
        "INSERT INTO prices (channel, prefix, currency, valid_from, price) VALUES ('email', '', 'EUR', '2026-01-01', 0.01)"
    )


def downgrade() -> None:
    op.drop_table("import_problems")
    op.drop_table("run_flows")
    op.drop_index(op.f("ix_imports_organization_id"), table_name="imports")
    op.drop_table("imports")
    op.drop_table("dropped_recipients")
    op.drop_index("ix_deferrals_retry_at", table_name="deferrals")
    op.drop_table("deferrals")
    op.drop_index("ix_chunks_lease_until", table_name="chunks", postgresql_where=sa.text("state = 'leased'"))
    op.drop_table("chunks")
    op.drop_index("uq_runs_campaign_id", table_name="runs")
    op.drop_index("ix_runs_organization_id_id", table_name="runs")
    op.drop_index(
        "ix_runs_open",
        table_name="runs",
        postgresql_where=sa.text("state NOT IN ('completed', 'cancelled', 'failed')"),
    )
    op.drop_table("runs")
    op.drop_table("email_template_versions")
    op.drop_index("ix_contact_list_members_organization_id_contact_id", table_name="contact_list_members")
    op.drop_table("contact_list_members")
    op.drop_index("ix_campaigns_scheduled_at", table_name="campaigns", postgresql_where=sa.text("status = 'scheduled'"))
    op.drop_index("ix_campaigns_organization_id_id", table_name="campaigns")
    op.drop_table("campaigns")
    op.drop_table("blob_parts")
    op.drop_index(op.f("ix_api_tokens_organization_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_index(op.f("ix_users_organization_id"), table_name="users")
    op.drop_table("users")
    op.drop_table("suppressions")
    op.drop_index(
        "uq_sender_ids_organization_id_default",
        table_name="sender_ids",
        postgresql_where=sa.text("is_default"),
    )
    op.drop_table("sender_ids")
    op.drop_index(
        "ix_ledger_entries_run_id",
        table_name="ledger_entries",
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.drop_index("ix_ledger_entries_organization_id_seq", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(
        "uq_email_templates_organization_id_slug",
        table_name="email_templates",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("email_templates")
    op.drop_index(
        "uq_email_domains_organization_id_default",
        table_name="email_domains",
        postgresql_where=sa.text("is_default"),
    )
    op.drop_index(
        "uq_email_domains_domain_verified",
        table_name="email_domains",
        postgresql_where=sa.text("status = 'verified'"),
    )
    op.drop_table("email_domains")
    op.drop_table("contents")
    op.drop_index("uq_contact_lists_organization_id_name", table_name="contact_lists")
    op.drop_index(
        "uq_contact_lists_organization_id_default",
        table_name="contact_lists",
        postgresql_where=sa.text("is_default"),
    )
    op.drop_table("contact_lists")
    op.drop_index(op.f("ix_blobs_organization_id"), table_name="blobs")
    op.drop_table("blobs")
    op.drop_table("rate_buckets")
    op.drop_table("prices")
    op.drop_table("organizations")
    op.drop_table("messages")
    op.drop_table("heartbeats")
    op.drop_index("ix_events_message_id", table_name="events")
    op.drop_table("events")
    op.drop_table("event_keys")
    op.drop_table("contacts")
    op.drop_index("ix_audit_log_organization_id_id", table_name="audit_log")
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION ensure_partitions(int)")

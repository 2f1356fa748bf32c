"""What people write back by SMS, and suppressions that came by it.

Revision: 0021, after 0020.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = (SELECT app_organization())"


def upgrade() -> None:
    op.create_table(
        "sms_replies",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("keyword IN ('stop', 'start', 'help')", name=op.f("ck_sms_replies_keyword")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sms_replies")),
    )
    op.create_index(
        "ix_sms_replies_organization_id_sender", "sms_replies", ["organization_id", "sender", "occurred_at"]
    )
    op.create_index("ix_sms_replies_created_at", "sms_replies", ["created_at"], postgresql_using="brin")
    op.execute("ALTER TABLE sms_replies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON sms_replies USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute("GRANT SELECT ON sms_replies TO exosend_api")
    op.add_column(
        "suppressions", sa.Column("came_by_sms", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(
        "ix_messages_sms_recipient", "messages", ["recipient", "id"], postgresql_where=sa.text("channel = 'sms'")
    )


def downgrade() -> None:
    op.drop_index("ix_messages_sms_recipient", table_name="messages")
    op.drop_column("suppressions", "came_by_sms")
    op.drop_table("sms_replies")

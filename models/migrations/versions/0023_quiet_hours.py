"""Hours in which the numbers of an SMS campaign get nothing.

Revision: 0023, after 0022.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = ("organizations", "campaigns", "runs")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("quiet_hours", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "quiet_hours")

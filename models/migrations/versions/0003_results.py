"""Schema `results`: what analysts read. Its columns are documented in docs/analysts.md and stay as they are.

Revision: 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VIEWS = {
    "runs": """
        SELECT r.id AS run_id, r.organization_id, o.name AS organization, r.kind, r.state, r.campaign_id,
               c.name AS campaign, coalesce(c.channel, 'email') AS channel,
               r.total_recipients AS recipients,
               coalesce(k.accepted, 0)::int AS accepted, coalesce(k.failed, 0)::int AS failed,
               coalesce(k.suppressed, 0)::int AS suppressed, coalesce(k.cancelled, 0)::int AS cancelled,
               coalesce(k.uncertain, 0)::int AS uncertain,
               coalesce((SELECT sum((s ->> 'dropped')::int) FROM jsonb_array_elements(r.funnel -> 'steps') s), 0)::int AS dropped,
               r.total_delivered AS delivered, r.total_opened AS opened, r.total_clicked AS clicked,
               r.total_bounced AS bounced, r.total_complained AS complained,
               r.charged, r.refunded, r.charged - r.refunded AS cost, o.currency,
               r.created_at, r.planned_at, r.finished_at
        FROM runs r
        JOIN organizations o ON o.id = r.organization_id
        LEFT JOIN campaigns c ON c.id = r.campaign_id
        LEFT JOIN (
            SELECT run_id, sum(accepted) AS accepted, sum(failed) AS failed, sum(suppressed) AS suppressed,
                   sum(cancelled) AS cancelled, sum(uncertain) AS uncertain
            FROM chunks GROUP BY run_id
        ) k ON k.run_id = r.id
        WHERE r.kind <> 'import'
    """,
    "recipients": """
        SELECT m.run_id, m.organization_id, m.id AS message_id, m.contact_id, m.channel, m.recipient,
               m.state AS status, m.error_code AS reason, m.error_message AS detail, m.cost, m.tries,
               m.provider, m.provider_ref, m.sent_at
        FROM messages m
        UNION ALL
        SELECT d.run_id, d.organization_id, NULL, d.contact_id, coalesce(c.channel, 'email'), d.recipient,
               'dropped', d.reason, NULL, 0, 0::smallint, NULL, NULL, NULL
        FROM dropped_recipients d
        JOIN runs r ON r.id = d.run_id
        LEFT JOIN campaigns c ON c.id = r.campaign_id
    """,
    "funnel": """
        SELECT r.id AS run_id, r.organization_id, s.step::int AS step, s.value ->> 'reason' AS reason,
               (s.value ->> 'dropped')::int AS dropped, (s.value ->> 'left')::int AS remaining
        FROM runs r, jsonb_array_elements(r.funnel -> 'steps') WITH ORDINALITY AS s (value, step)
    """,
    "daily_stats": """
        SELECT (m.sent_at AT TIME ZONE 'UTC')::date AS day, m.organization_id, o.name AS organization, m.channel,
               count(*)::int AS sent,
               count(*) FILTER (WHERE m.state IN ('delivered', 'opened', 'clicked'))::int AS delivered,
               count(*) FILTER (WHERE m.state IN ('opened', 'clicked'))::int AS opened,
               count(*) FILTER (WHERE m.state = 'clicked')::int AS clicked,
               count(*) FILTER (WHERE m.state = 'bounced')::int AS bounced,
               count(*) FILTER (WHERE m.state = 'complained')::int AS complained,
               sum(m.cost) AS cost, o.currency
        FROM messages m JOIN organizations o ON o.id = m.organization_id
        WHERE m.sent_at IS NOT NULL
        GROUP BY 1, 2, 3, 4, o.currency
    """,
}


def upgrade() -> None:
    op.execute("CREATE SCHEMA results")
    op.execute("GRANT USAGE, CREATE ON SCHEMA results TO exosend_engine")
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW results.{name} AS {query}")
        # A view reads with its owner's eyes, and only the engine's role sees every organization.
        op.execute(f"ALTER VIEW results.{name} OWNER TO exosend_engine")
    op.execute("REVOKE CREATE ON SCHEMA results FROM exosend_engine")
    op.execute("GRANT USAGE ON SCHEMA results TO exosend_analyst")
    for name in VIEWS:
        # exosend_owner is a member of exosend_engine, so it may grant on what that role owns.
        op.execute(f"GRANT SELECT ON results.{name} TO exosend_analyst")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW results.{name}")
    op.execute("DROP SCHEMA results")

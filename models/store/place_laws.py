"""The laws of places: each message is where its state says, reports find their message, states go together."""

from models.store.laws import Law

# What waits has one place: a chunk that is not done, from what is recorded on; the list of second tries; the outbox.
# In none it would never be sent, in two perhaps twice.
_WAITING = """
WITH waiting AS (
    SELECT m.id, m.run_id, m.position, m.state FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.state IN ('planned', 'deferred')
), places AS (
    SELECT c.run_id, p.position, 'planned' AS state
    FROM chunks c
    CROSS JOIN LATERAL (
        SELECT generate_series(c.first_position + c.recorded, c.first_position + c.size - 1) AS position
        WHERE c.positions IS NULL
        UNION ALL SELECT unnest(c.positions[c.recorded + 1:]) WHERE c.positions IS NOT NULL
    ) p
    WHERE c.organization_id = %(organization)s AND c.run_id >= %(reach_id)s AND c.state IN ('ready', 'leased')
    UNION ALL
    SELECT d.run_id, d.position, 'deferred' FROM deferrals d WHERE d.organization_id = %(organization)s
), found AS (
    SELECT w.id FROM waiting w JOIN places p ON p.run_id = w.run_id AND p.position = w.position AND p.state = w.state
    UNION ALL
    SELECT o.message_id FROM outbox o WHERE o.organization_id = %(organization)s
), counted AS (
    SELECT f.id, count(*) AS places FROM found f GROUP BY f.id
)
SELECT %(organization)s::uuid AS organization, w.state || ' message ' || w.id AS subject, 1 AS expected,
       coalesce(c.places, 0) AS found
FROM waiting w LEFT JOIN counted c ON c.id = w.id
"""

_OUTBOX = """
SELECT o.organization_id AS organization, 'outbox, message ' || o.message_id AS subject, 'waiting' AS expected,
       CASE WHEN m.state IN ('planned', 'deferred') THEN 'waiting' ELSE coalesce(m.state, 'no message') END AS found
FROM outbox o
LEFT JOIN messages m ON m.id = o.message_id AND m.organization_id = o.organization_id AND m.channel = o.channel
     AND m.run_id IS NOT DISTINCT FROM o.run_id
WHERE o.organization_id = %(organization)s
"""

_DEFERRALS = """
SELECT d.organization_id AS organization, 'run ' || d.run_id || ', second try of ' || d.position AS subject,
       'deferred' AS expected, coalesce(m.state, 'no message') AS found
FROM deferrals d
LEFT JOIN messages m ON m.run_id = d.run_id AND m.position = d.position AND m.organization_id = d.organization_id
WHERE d.organization_id = %(organization)s
"""

# An uncertain message that is sent again after its run was completed goes through the outbox. Of a run that was
# cancelled or failed nothing goes out any more, that way neither.
_ENDED = """
WITH left_behind AS (
    SELECT m.run_id, count(*) AS n FROM messages m JOIN runs r ON r.id = m.run_id
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.state IN ('planned', 'deferred')
      AND NOT (r.state = 'completed' AND EXISTS (SELECT FROM outbox o WHERE o.message_id = m.id))
    GROUP BY 1
    UNION ALL
    SELECT c.run_id, count(*) FROM chunks c JOIN runs r ON r.id = c.run_id
    WHERE c.organization_id = %(organization)s AND c.run_id >= %(reach_id)s AND c.state <> 'done'
      AND NOT (r.state = 'completed' AND c.state = 'outbox')
    GROUP BY 1
    UNION ALL
    SELECT d.run_id, count(*) FROM deferrals d WHERE d.organization_id = %(organization)s GROUP BY 1
), counted AS (
    SELECT l.run_id, sum(l.n) AS n FROM left_behind l GROUP BY 1
)
SELECT r.organization_id AS organization, 'run ' || r.id AS subject, 0 AS expected, coalesce(c.n, 0) AS found
FROM runs r LEFT JOIN counted c ON c.run_id = r.id
WHERE r.organization_id = %(organization)s AND r.id >= %(reach_id)s
  AND (r.finished_at IS NOT NULL OR r.state IN ('completed', 'cancelled', 'failed'))
"""

# Campaign and run move in one transaction (tasks/runs), so that no moment shows them apart.
_CAMPAIGNS = """
WITH legal (status, states) AS (
    VALUES ('draft', ARRAY['no run']), ('scheduled', ARRAY['no run']),
           ('sending', ARRAY['queued', 'planning', 'sending']), ('paused', ARRAY['paused']),
           ('sent', ARRAY['completed']), ('completed', ARRAY['completed']),
           ('cancelled', ARRAY['no run', 'closing', 'cancelled']), ('failed', ARRAY['no run', 'closing', 'failed'])
)
SELECT c.organization_id AS organization, 'campaign ' || c.id || ' (' || c.status || ')' AS subject,
       CASE WHEN s.state = ANY(l.states) THEN s.state ELSE array_to_string(l.states, ' or ') END AS expected,
       s.state AS found
FROM campaigns c JOIN legal l ON l.status = c.status
LEFT JOIN runs r ON r.id = c.run_id
CROSS JOIN LATERAL (SELECT coalesce(r.state, 'no run') AS state) s
WHERE c.organization_id = %(organization)s
"""

_EVENTS = """
SELECT e.organization_id AS organization, 'event ' || e.id || ', ' || e.kind AS subject,
       'message ' || e.message_id AS expected, CASE WHEN m.id IS NULL THEN 'no message' ELSE 'message ' || m.id END
           AS found
FROM events e
LEFT JOIN messages m ON m.id = e.message_id AND m.organization_id = e.organization_id
     AND m.run_id IS NOT DISTINCT FROM e.run_id
WHERE e.made_on >= %(since)s AND (%(organization)s::uuid IS NULL OR e.organization_id = %(organization)s)
"""

# Whoever applies reports looks at what is due every quarter of a second, and puts off what is early by two seconds.
_INCOMING = """
SELECT i.organization_id AS organization, 'report ' || i.id || ', ' || i.kind AS subject, 'applied' AS expected,
       CASE WHEN i.due_at < now() - interval '1 hour' THEN 'due since ' || i.due_at::timestamptz(0) ELSE 'applied' END
           AS found
FROM incoming_events i
WHERE i.due_at <= now() AND (%(organization)s::uuid IS NULL OR i.organization_id = %(organization)s)
"""

PLACE_LAWS = (
    Law("waiting_messages", "What waits to be sent waits in one place.", _WAITING),
    Law("outbox", "What is in the outbox waits to be sent.", _OUTBOX),
    Law("deferrals", "What waits for a second try is deferred.", _DEFERRALS),
    Law("ended_runs", "Of a run that ended nothing is left to send.", _ENDED),
    Law("campaign_runs", "A campaign and its run are in states that go together.", _CAMPAIGNS),
    Law("events", "An event is of a message that is there, of its organization and run.", _EVENTS, of_all=True),
    Law("incoming_events", "A report is applied within an hour after it is due.", _INCOMING, of_all=True),
)

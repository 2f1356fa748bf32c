"""The laws of counters: what is kept beside rows is what counting them anew comes to."""

from models.store.laws import Law

_RUN_RECIPIENTS = """
WITH counted AS (
    SELECT m.run_id, count(*) AS messages, coalesce(sum(m.segments), 0) AS segments FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NOT NULL
    GROUP BY m.run_id
), own AS (
    SELECT r.id, r.total_recipients, r.kind = 'campaign' AND r.planned_at IS NOT NULL AS has_segments, r.total_segments
    FROM runs r WHERE r.organization_id = %(organization)s AND r.id >= %(reach_id)s
)
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(own.id, c.run_id) || ': ' || v.what AS subject,
       v.expected, v.found
FROM own FULL JOIN counted c ON c.run_id = own.id
CROSS JOIN LATERAL (VALUES
    ('recipients', coalesce(c.messages, 0), coalesce(own.total_recipients, 0)),
    ('segments', CASE WHEN own.has_segments THEN coalesce(c.segments, 0) END,
                 CASE WHEN own.has_segments THEN own.total_segments END)
) AS v (what, expected, found)
"""

# By run, not by chunk: a message that was deferred is in two of them. Beside the first chunks there are those of
# second tries, so what their sizes add up to, less those who were written to, was deferred and is not waiting.
_CHUNK_COUNTERS = """
WITH counted AS (
    SELECT m.run_id,
           count(*) FILTER (WHERE m.state IN ('accepted', 'delivered', 'opened', 'clicked', 'bounced', 'complained'))
               AS accepted,
           count(*) FILTER (WHERE m.state = 'failed') AS failed,
           count(*) FILTER (WHERE m.state = 'suppressed') AS suppressed,
           count(*) FILTER (WHERE m.state = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE m.state = 'uncertain') AS uncertain,
           count(*) FILTER (WHERE m.state <> 'suppressed' OR m.first_tried_at IS NOT NULL) AS in_chunks,
           coalesce(sum(m.cost) FILTER (WHERE m.state IN ('failed', 'suppressed', 'cancelled')), 0) AS refundable
    FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NOT NULL
    GROUP BY m.run_id
), kept AS (
    SELECT c.run_id, sum(c.accepted) AS accepted, sum(c.failed) AS failed, sum(c.suppressed) AS suppressed,
           sum(c.cancelled) AS cancelled, sum(c.uncertain) AS uncertain, sum(c.deferred) AS deferred,
           sum(c.size) AS size, sum(c.refundable) AS refundable
    FROM chunks c WHERE c.organization_id = %(organization)s AND c.run_id >= %(reach_id)s
    GROUP BY c.run_id
), waiting AS (
    SELECT d.run_id, count(*) AS messages FROM deferrals d WHERE d.organization_id = %(organization)s GROUP BY d.run_id
)
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(k.run_id, c.run_id) || ': ' || v.what AS subject,
       v.expected, v.found
FROM kept k FULL JOIN counted c ON c.run_id = k.run_id LEFT JOIN waiting w ON w.run_id = k.run_id
CROSS JOIN LATERAL (VALUES
    ('accepted', coalesce(c.accepted, 0), coalesce(k.accepted, 0)),
    ('failed', coalesce(c.failed, 0), coalesce(k.failed, 0)),
    ('suppressed', coalesce(c.suppressed, 0), coalesce(k.suppressed, 0)),
    ('cancelled', coalesce(c.cancelled, 0), coalesce(k.cancelled, 0)),
    ('uncertain', coalesce(c.uncertain, 0), coalesce(k.uncertain, 0)),
    ('deferred', coalesce(k.size, 0) - coalesce(c.in_chunks, 0) + coalesce(w.messages, 0), coalesce(k.deferred, 0)),
    ('refundable', coalesce(c.refundable, 0), coalesce(k.refundable, 0))
) AS v (what, expected, found)
"""

_RUN_TOTALS = """
WITH counted AS (
    SELECT m.run_id, count(m.delivered_at) AS delivered, count(m.opened_at) AS opened, count(m.clicked_at) AS clicked,
           count(m.bounced_at) AS bounced, count(m.complained_at) AS complained,
           count(m.unsubscribed_at) AS unsubscribed
    FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NOT NULL
    GROUP BY m.run_id
)
SELECT r.organization_id AS organization, 'run ' || r.id || ': ' || v.what AS subject, v.expected, v.found
FROM runs r LEFT JOIN counted c ON c.run_id = r.id
CROSS JOIN LATERAL (VALUES
    ('delivered', coalesce(c.delivered, 0), r.total_delivered), ('opened', coalesce(c.opened, 0), r.total_opened),
    ('clicked', coalesce(c.clicked, 0), r.total_clicked), ('bounced', coalesce(c.bounced, 0), r.total_bounced),
    ('complained', coalesce(c.complained, 0), r.total_complained),
    ('unsubscribed', coalesce(c.unsubscribed, 0), r.total_unsubscribed)
) AS v (what, expected, found)
WHERE r.organization_id = %(organization)s AND r.id >= %(reach_id)s
"""

_DAILY_COUNTS = """
WITH counted AS (
    SELECT m.channel, (m.sent_at AT TIME ZONE 'UTC')::date AS day, count(*) AS sent, count(m.delivered_at) AS delivered,
           count(m.opened_at) AS opened, count(m.clicked_at) AS clicked, count(m.bounced_at) AS bounced,
           count(m.complained_at) AS complained, count(m.unsubscribed_at) AS unsubscribed
    FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s
      AND m.sent_at >= %(since)s::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2
), kept AS (
    SELECT d.channel, d.day, sum(d.sent) AS sent, sum(d.delivered) AS delivered, sum(d.opened) AS opened,
           sum(d.clicked) AS clicked, sum(d.bounced) AS bounced, sum(d.complained) AS complained,
           sum(d.unsubscribed) AS unsubscribed
    FROM daily_counts d WHERE d.organization_id = %(organization)s AND d.day >= %(since)s
    GROUP BY 1, 2
)
SELECT %(organization)s::uuid AS organization,
       coalesce(k.channel, c.channel) || ' of ' || coalesce(k.day, c.day) || ': ' || v.what AS subject,
       coalesce(v.expected, 0) AS expected, coalesce(v.found, 0) AS found
FROM kept k FULL JOIN counted c ON c.channel = k.channel AND c.day = k.day
CROSS JOIN LATERAL (VALUES
    ('sent', c.sent, k.sent), ('delivered', c.delivered, k.delivered), ('opened', c.opened, k.opened),
    ('clicked', c.clicked, k.clicked), ('bounced', c.bounced, k.bounced), ('complained', c.complained, k.complained),
    ('unsubscribed', c.unsubscribed, k.unsubscribed)
) AS v (what, expected, found)
"""

# As tasks/reports/engagement.py counts: not what machines did, nor the link by which people leave, nor reports about
# messages that no provider has. Whoever clicked or opened has opened_at, so events are looked up by few messages.
_READ_EVENTS = """
WITH read_by_people AS (
    SELECT e.message_id, m.run_id, e.kind, e.occurred_at, e.payload
    FROM messages m JOIN events e ON e.message_id = m.id
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NOT NULL
      AND m.opened_at IS NOT NULL AND m.state NOT IN ('failed', 'suppressed', 'cancelled')
      AND e.made_on >= %(reach)s AND e.kind IN ('opened', 'clicked')
      AND e.payload -> 'proxy' IS DISTINCT FROM 'true'::jsonb
)
"""

_RUN_LINKS = (
    _READ_EVENTS  # noqa: S608 - our own words
    + """
, counted AS (
    SELECT run_id, payload ->> 'url' AS url, count(*) AS clicks, count(DISTINCT message_id) AS messages
    FROM read_by_people
    WHERE kind = 'clicked' AND jsonb_typeof(payload -> 'url') = 'string' AND payload ->> 'url' <> ''
      AND payload -> 'unsubscribe' IS DISTINCT FROM 'true'::jsonb
    GROUP BY 1, 2
), kept AS (
    SELECT l.run_id, l.hash, l.url, l.clicks, l.messages FROM run_links l
    WHERE l.organization_id = %(organization)s AND l.run_id >= %(reach_id)s
)
SELECT %(organization)s::uuid AS organization,
       'run ' || coalesce(k.run_id, c.run_id) || ': ' || v.what || ' of ' || left(coalesce(k.url, c.url), 200)
           AS subject,
       coalesce(v.expected, 0) AS expected, coalesce(v.found, 0) AS found
FROM kept k FULL JOIN counted c ON c.run_id = k.run_id AND sha256(convert_to(c.url, 'UTF8')) = k.hash
CROSS JOIN LATERAL (VALUES ('clicks', c.clicks, k.clicks), ('messages', c.messages, k.messages))
    AS v (what, expected, found)
"""
)

_RUN_CLIENTS = (
    _READ_EVENTS  # noqa: S608 - our own words
    + """
, reader AS (
    SELECT run_id, message_id, occurred_at,
           CASE WHEN jsonb_typeof(payload -> 'device') = 'string' THEN nullif(payload ->> 'device', '') END AS device,
           CASE WHEN jsonb_typeof(payload -> 'client') = 'string' THEN nullif(payload ->> 'client', '') END AS client
    FROM read_by_people
), first AS (
    SELECT DISTINCT ON (message_id) run_id, coalesce(device, 'Unknown') AS device,
           coalesce(client, 'Unknown') AS client
    FROM reader
    ORDER BY message_id, occurred_at, coalesce(device, 'Unknown') COLLATE "C", coalesce(client, 'Unknown') COLLATE "C"
), counted AS (
    SELECT run_id, device, client, count(*) AS messages FROM first GROUP BY 1, 2, 3
), kept AS (
    SELECT c.run_id, c.device, c.client, c.messages FROM run_clients c
    WHERE c.organization_id = %(organization)s AND c.run_id >= %(reach_id)s
)
SELECT %(organization)s::uuid AS organization,
       'run ' || coalesce(k.run_id, c.run_id) || ': ' || coalesce(k.device, c.device) || ', '
           || coalesce(k.client, c.client) AS subject,
       coalesce(c.messages, 0) AS expected, coalesce(k.messages, 0) AS found
FROM kept k FULL JOIN counted c ON c.run_id = k.run_id AND c.device = k.device AND c.client = k.client
"""
)

_CONTACTS = """
SELECT o.id AS organization, 'contacts' AS subject,
       (SELECT count(*) FROM contacts c WHERE c.organization_id = o.id) AS expected, o.contacts_count AS found
FROM organizations o WHERE o.id = %(organization)s
"""

_LIST_MEMBERS = """
SELECT l.organization_id AS organization, 'list ' || l.id AS subject, count(m.contact_id) AS expected,
       l.contacts_count AS found
FROM contact_lists l
LEFT JOIN contact_list_members m ON m.organization_id = l.organization_id AND m.list_id = l.id
WHERE l.organization_id = %(organization)s GROUP BY l.organization_id, l.id
"""

# Over all time, as the counter is. A sender ID that was used is never deleted, so its name is enough.
_SENDER_MESSAGES = """
WITH by_content AS (
    SELECT m.content_id, count(*) AS messages FROM messages m
    WHERE m.organization_id = %(organization)s AND m.channel = 'sms' GROUP BY m.content_id
), counted AS (
    SELECT c.sender_id, sum(b.messages) AS messages FROM by_content b JOIN contents c ON c.id = b.content_id
    GROUP BY c.sender_id
)
SELECT s.organization_id AS organization, 'sender ID ' || s.sender_id AS subject, coalesce(c.messages, 0) AS expected,
       s.message_count AS found
FROM sender_ids s LEFT JOIN counted c ON c.sender_id = s.sender_id WHERE s.organization_id = %(organization)s
"""

_DROPPED = """
WITH counted AS (
    SELECT d.run_id, d.reason, count(*) AS dropped FROM dropped_recipients d
    WHERE d.organization_id = %(organization)s AND d.run_id >= %(reach_id)s GROUP BY 1, 2
), kept AS (
    SELECT r.id AS run_id, s.reason, sum(s.dropped) AS dropped
    FROM runs r CROSS JOIN LATERAL jsonb_to_recordset(r.funnel -> 'steps') AS s (reason text, dropped bigint)
    WHERE r.organization_id = %(organization)s AND r.id >= %(reach_id)s AND r.funnel IS NOT NULL GROUP BY 1, 2
)
SELECT %(organization)s::uuid AS organization,
       'run ' || coalesce(k.run_id, c.run_id) || ': ' || coalesce(k.reason, c.reason) AS subject,
       coalesce(c.dropped, 0) AS expected, coalesce(k.dropped, 0) AS found
FROM kept k FULL JOIN counted c ON c.run_id = k.run_id AND c.reason = k.reason
"""

COUNTER_LAWS = (
    Law("run_recipients", "A run counts its messages, and those of SMS their segments.", _RUN_RECIPIENTS),
    Law("chunk_counters", "Chunks count what became of the messages of their run.", _CHUNK_COUNTERS),
    Law("run_totals", "A run counts what was reported of its messages, each once.", _RUN_TOTALS),
    Law("daily_counts", "The counts of a day are those of the messages sent on it.", _DAILY_COUNTS),
    Law("run_links", "The clicks on a run's links are those of its events.", _RUN_LINKS),
    Law("run_clients", "A run's devices and mail clients are those of its messages' first opens.", _RUN_CLIENTS),
    Law("dropped_recipients", "A run's funnel counts the recipients that were dropped.", _DROPPED),
    Law("contacts", "An organization counts its contacts.", _CONTACTS),
    Law("list_members", "A contact list counts its members.", _LIST_MEMBERS),
    Law("sender_messages", "A sender ID counts the messages that came from it.", _SENDER_MESSAGES),
)

"""The laws of credits: what the ledger, the balance, the runs and the messages say of the same money."""

from models.store.laws import Law

_LEDGER_SUM = """
SELECT o.id AS organization, 'balance' AS subject,
       (SELECT coalesce(sum(l.amount), 0) FROM ledger_entries l WHERE l.organization_id = o.id) AS expected,
       o.balance AS found
FROM organizations o WHERE o.id = %(organization)s
"""

_LEDGER_LAST = """
SELECT o.id AS organization, 'balance' AS subject, o.balance AS expected,
       coalesce((SELECT l.balance_after FROM ledger_entries l
                 WHERE l.organization_id = o.id ORDER BY l.seq DESC LIMIT 1), 0) AS found
FROM organizations o WHERE o.id = %(organization)s
"""

_LEDGER_STEPS = """
SELECT l.organization_id AS organization, 'entry ' || l.id AS subject,
       coalesce(lag(l.balance_after) OVER (ORDER BY l.seq), 0) + l.amount AS expected, l.balance_after AS found
FROM ledger_entries l WHERE l.organization_id = %(organization)s
"""

# Over all time: there are few runs, and the ledger is read as a whole for its sum in any case.
_RUN_ENTRIES = """
WITH booked AS (
    SELECT l.run_id, coalesce(sum(l.amount) FILTER (WHERE l.kind IN ('hold', 'release')), 0) AS held,
           coalesce(sum(l.amount) FILTER (WHERE l.kind = 'charge'), 0) AS charged,
           coalesce(sum(l.amount) FILTER (WHERE l.kind = 'refund'), 0) AS refunded
    FROM ledger_entries l WHERE l.organization_id = %(organization)s AND l.run_id IS NOT NULL GROUP BY l.run_id
), own AS (
    SELECT r.id, r.charged, r.refunded,
           CASE WHEN r.planned_at IS NULL AND r.finished_at IS NULL THEN r.held ELSE 0 END AS held
    FROM runs r WHERE r.organization_id = %(organization)s
)
"""

_HOLDS = (
    _RUN_ENTRIES
    + """
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(own.id, booked.run_id) AS subject,
       coalesce(own.held, 0) AS expected, coalesce(-booked.held, 0) AS found
FROM own FULL JOIN booked ON booked.run_id = own.id
"""
)

_CHARGES = (
    _RUN_ENTRIES
    + """
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(own.id, booked.run_id) AS subject,
       coalesce(-booked.charged, 0) AS expected, coalesce(own.charged, 0) AS found
FROM own FULL JOIN booked ON booked.run_id = own.id
"""
)

_REFUNDS = (
    _RUN_ENTRIES
    + """
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(own.id, booked.run_id) AS subject,
       coalesce(booked.refunded, 0) AS expected, coalesce(own.refunded, 0) AS found
FROM own FULL JOIN booked ON booked.run_id = own.id
"""
)

# Bounced messages stay charged: a provider accepted them. Uncertain ones as well, since they may have arrived. What is
# still to be sent is another law's (`ended_runs`).
_RUN_MESSAGES = """
WITH counted AS (
    SELECT m.run_id, sum(m.cost) AS cost,
           coalesce(sum(m.cost) FILTER (WHERE m.state NOT IN ('failed', 'suppressed', 'cancelled')), 0) AS kept
    FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NOT NULL
    GROUP BY m.run_id
), own AS (
    SELECT r.id, r.charged, r.refunded, r.finished_at IS NOT NULL AS is_ended FROM runs r
    WHERE r.organization_id = %(organization)s AND r.id >= %(reach_id)s
)
"""

_RUN_COST = (
    _RUN_MESSAGES
    + """
SELECT %(organization)s::uuid AS organization, 'run ' || coalesce(own.id, counted.run_id) AS subject,
       coalesce(counted.cost, 0) AS expected, coalesce(own.charged, 0) AS found
FROM own FULL JOIN counted ON counted.run_id = own.id
"""
)

_RUN_SETTLED = (
    _RUN_MESSAGES
    + """
SELECT %(organization)s::uuid AS organization, 'run ' || own.id AS subject,
       coalesce(counted.kept, 0) AS expected, own.charged - own.refunded AS found
FROM own LEFT JOIN counted ON counted.run_id = own.id WHERE own.is_ended
"""
)

# A single's id is a UUIDv7, so its entries of the time are those with such an id; the ledger itself has no index by
# time.
_SINGLES = """
WITH booked AS (
    SELECT l.message_id, -sum(l.amount) AS charged FROM ledger_entries l
    WHERE l.organization_id = %(organization)s AND l.run_id IS NULL AND l.message_id >= %(reach_id)s
    GROUP BY l.message_id
), own AS (
    SELECT m.id, CASE WHEN m.state IN ('failed', 'suppressed', 'cancelled') THEN 0 ELSE m.cost END AS cost
    FROM messages m
    WHERE m.organization_id = %(organization)s AND m.made_on >= %(reach)s AND m.run_id IS NULL
)
SELECT %(organization)s::uuid AS organization, 'message ' || coalesce(own.id, booked.message_id) AS subject,
       coalesce(own.cost, 0) AS expected, coalesce(booked.charged, 0) AS found
FROM own FULL JOIN booked ON booked.message_id = own.id
"""

MONEY_LAWS = (
    Law("ledger_sum", "The entries of the ledger add up to the balance.", _LEDGER_SUM),
    Law("ledger_last", "The last entry of the ledger names the balance.", _LEDGER_LAST),
    Law("ledger_steps", "Each entry's balance is that of the entry before, moved by its amount.", _LEDGER_STEPS),
    Law("holds", "Held is what open runs hold until they are planned; then all of it is released.", _HOLDS),
    Law("charges", "A run says what the ledger charged for it.", _CHARGES),
    Law("refunds", "A run says what the ledger refunded for it.", _REFUNDS),
    Law("run_cost", "A run is charged what its messages cost.", _RUN_COST),
    Law(
        "run_settled",
        "A run that ended keeps what its accepted and uncertain messages cost; all else is refunded.",
        _RUN_SETTLED,
    ),
    Law("singles", "A single message is charged its cost, and nothing if no provider accepted it.", _SINGLES),
)
"""Laws of money, in the order in which one break explains the next."""

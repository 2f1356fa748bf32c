"""Rates of provider accounts and senders, and whose turn it is where several runs share one.

Revision: 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OWN_ROWS = "organization_id = app_organization()"
SENDERS = ("email_domains", "sender_ids")
SIGNATURE = "take_tokens(text[], float8[], float8[], boolean[], uuid, uuid)"
TAKE_TOKENS = """
-- Takes tokens of several buckets for one window of a run, or of none of them. It returns 0 when they were taken, else
-- after how many seconds it pays to ask again.
--
-- A bucket holds one second of its rate, at least one token, and is refilled by the time that passed. Its row is locked
-- until the transaction ends, so the rate is exact over all processes; everybody names the buckets in the same order.
--
-- Of a shared bucket runs leave a fifth to single messages, which take without asking here. Runs that want more than
-- there is take turns by start-time fair queuing (Goyal, Vin and Cheng, SIGCOMM 1996): who had least goes first, and
-- counts for as many as its organization has runs there, so that organizations get equal shares and the runs of each
-- equal parts of it. Who waits says until when; who did not come by then lets the others pass.
CREATE FUNCTION take_tokens(names text[], wanted float8[], rates float8[], shared boolean[], who uuid, whose uuid)
RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    longest CONSTANT float8 := 1;  -- seconds: how long a caller may sleep before it asks again
    grace CONSTANT float8 := 1;
    burst float8;
    there float8;
    turn_there float8;
    ahead float8;
    needed float8;
    wait float8;
    starts float8[] := array_fill(0::float8, ARRAY[cardinality(names)]);
BEGIN
    FOR i IN 1 .. cardinality(names) LOOP
        burst := greatest(1, rates[i]);
        INSERT INTO rate_buckets AS b (name, tokens, refilled_at) VALUES (names[i], burst, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET
            tokens = least(
                burst, b.tokens + rates[i] * greatest(0, extract(epoch FROM clock_timestamp() - b.refilled_at))),
            refilled_at = clock_timestamp()
        RETURNING b.tokens, b.turn INTO there, turn_there;
        needed := least(wanted[i], burst);
        IF shared[i] THEN
            starts[i] := greatest(turn_there, (
                SELECT t.served FROM rate_turns t WHERE t.bucket = names[i] AND t.run_id = who));
            ahead := (SELECT coalesce(sum(t.wanted), 0) FROM rate_turns t
                      WHERE t.bucket = names[i] AND t.run_id <> who AND t.waits_until > clock_timestamp()
                        AND (t.served, t.run_id) < (starts[i], who));
            -- A window that is larger than the bucket goes out when it is full, and the next ones wait for it.
            needed := floor(burst / 5) + ahead + wanted[i];
            IF ahead = 0 THEN
                needed := least(needed, burst);
            END IF;
        END IF;
        IF there + 1e-6 < needed THEN
            wait := (needed - there) / rates[i];
            UPDATE rate_turns t SET waits_until = NULL
            WHERE t.run_id = who AND t.bucket <> names[i] AND t.waits_until IS NOT NULL;
            IF shared[i] THEN
                INSERT INTO rate_turns AS t (bucket, run_id, organization_id, served, wanted, waits_until, seen_at)
                VALUES (names[i], who, whose, starts[i], wanted[i],
                        clock_timestamp() + make_interval(secs => least(wait, longest) + grace), clock_timestamp())
                ON CONFLICT (bucket, run_id) DO UPDATE SET
                    served = excluded.served, wanted = excluded.wanted, waits_until = excluded.waits_until,
                    seen_at = excluded.seen_at;
            END IF;
            RETURN least(wait, longest);
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(names) LOOP
        UPDATE rate_buckets b SET tokens = b.tokens - wanted[i], turn = greatest(b.turn, starts[i])
        WHERE b.name = names[i];
        IF shared[i] THEN
            INSERT INTO rate_turns AS t (bucket, run_id, organization_id, served, wanted, waits_until, seen_at)
            VALUES (names[i], who, whose, starts[i] + wanted[i] * (
                        SELECT count(*) + 1 FROM rate_turns o
                        WHERE o.bucket = names[i] AND o.organization_id = whose AND o.run_id <> who
                          AND o.seen_at > clock_timestamp() - make_interval(secs => longest + grace)),
                    wanted[i], NULL, clock_timestamp())
            ON CONFLICT (bucket, run_id) DO UPDATE SET
                served = excluded.served, wanted = excluded.wanted, waits_until = NULL, seen_at = excluded.seen_at;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
"""


def upgrade() -> None:
    for table in SENDERS:
        op.add_column(table, sa.Column("rate_per_minute", sa.Integer(), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_rate_per_minute"), table, "rate_per_minute > 0")
        # All that have one are read together, every few seconds.
        op.create_index(
            f"ix_{table}_rate_per_minute", table, ["id"], postgresql_where=sa.text("rate_per_minute IS NOT NULL")
        )
    op.add_column("rate_buckets", sa.Column("turn", sa.Double(), server_default="0", nullable=False))
    op.create_table(
        "rate_turns",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("served", sa.Double(), nullable=False),
        sa.Column("wanted", sa.Double(), nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "run_id", name=op.f("pk_rate_turns")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_rate_turns_run_id", "rate_turns", ["run_id"])
    op.execute("ALTER TABLE rate_turns ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON rate_turns USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
    op.execute(TAKE_TOKENS)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO exosend_engine")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.drop_table("rate_turns")
    op.drop_column("rate_buckets", "turn")
    for table in SENDERS:
        op.drop_column(table, "rate_per_minute")

"""Operations on the credits of runs: hold, plan, cancel, end, and what turns out later."""

from dataclasses import replace

import psycopg
from sqlalchemy.orm import Session

from models.rules.ids import made_on, message_ids_text, new_id
from models.session import driver
from models.store.runs import lock_run, release_hold, settle_run
from tests.support.ledger_model import ModelRun
from tests.support.ledger_operations import OPEN_MAX, Operations

_OPEN = """
INSERT INTO runs (id, organization_id, kind, started_by, held)
VALUES (%(run)s, %(organization)s, 'batch', 'api', %(held)s)
"""
_PLAN = """
WITH planned AS (
    UPDATE runs SET state = 'sending', planned_at = now(), charged = %(cost)s, total_recipients = %(size)s
    WHERE id = %(run)s
), chunked AS (
    INSERT INTO chunks (run_id, no, organization_id, size) VALUES (%(run)s, 0, %(organization)s, %(size)s)
)
INSERT INTO messages (id, made_on, organization_id, run_id, content_id, channel, recipient, dedupe_key, position, cost)
SELECT id, %(made_on)s, %(organization)s, %(run)s, %(run)s, 'email', no::text, no::text, no - 1, %(price)s
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS m (id, no)
"""
_DECIDE = """
WITH decided AS (
    UPDATE messages SET first_tried_at = now(), state = CASE WHEN position < %(refused)s THEN 'failed'
        WHEN position < %(refused)s + %(uncertain)s THEN 'uncertain' ELSE 'accepted' END
    WHERE run_id = %(run)s AND made_on = %(made_on)s
), ended AS (
    UPDATE runs SET state = 'completed', finished_at = now() WHERE id = %(run)s
)
UPDATE chunks SET state = 'done', cursor = size, recorded = size, failed = %(refused)s, uncertain = %(uncertain)s,
                  accepted = size - %(refused)s - %(uncertain)s, refundable = %(refundable)s
WHERE run_id = %(run)s
"""
_FAIL = "UPDATE runs SET state = 'failed', finished_at = now() WHERE id = %s"


class RunOperations(Operations):
    """Runs of one to three messages at the same price. What is done twice is done once."""

    def hold(self, session: Session) -> None:
        """A run is accepted, if its quote is there."""
        if len(self.model.queued) >= OPEN_MAX:
            self.plan(session)
        run = ModelRun(new_id(), self.organization(), self.amount(5000))
        if self.book(session, run.organization, "hold", -run.held, f"hold:{run.id}", run=run.id):
            own = {"run": run.id, "organization": self.ids[run.organization], "held": run.held}
            driver(session).execute(_OPEN, own)
            self.model.queued.append(run)

    def plan(self, session: Session) -> None:
        """The hold becomes the exact charge; where that is not there, the run fails and its hold is released."""
        if not self.model.queued:
            return
        run = self.model.queued.pop(0)
        no, size, price = run.organization, self.random.randint(1, 3), self.amount(2500)
        before, is_charged = self.model.books[no].copy(), True
        with driver(session).transaction() as swap:
            self._release(session, run)
            is_charged = self.book(session, no, "charge", -size * price, f"charge:{run.id}", run=run.id)
            if not is_charged:
                raise psycopg.Rollback(swap)
        if not is_charged:
            self.model.books[no] = before
            self._fail(session, run)
            return
        driver(session).execute(
            _PLAN,
            {
                "run": run.id,
                "organization": self.ids[no],
                "made_on": made_on(run.id),
                "size": size,
                "cost": size * price,
                "price": price,
                "ids": message_ids_text(run.id, range(size)),
            },
        )
        self.model.sending.append(replace(run, price=price, messages=size))

    def cancel(self, session: Session) -> None:
        """A run ends before it was planned."""
        if self.model.queued:
            self._fail(session, self.model.queued.pop())

    def end(self, session: Session) -> None:
        """Nothing is left to send: what no provider has is refunded."""
        if not self.model.sending:
            return
        run = self.model.sending.pop(self.random.randrange(len(self.model.sending)))
        refused = self.random.randint(0, run.messages)
        uncertain = self.random.randint(0, run.messages - refused)
        self._decide(session, replace(run, refused=refused, uncertain=uncertain), already=0)

    def late_evidence(self, session: Session) -> None:
        """Of a run that ended, an uncertain message turns out to be refused."""
        if not self.model.doubtful:
            return
        run = self.model.doubtful.pop(self.random.randrange(len(self.model.doubtful)))
        self._decide(session, replace(run, refused=run.refused + 1, uncertain=run.uncertain - 1), already=run.refused)

    def _release(self, session: Session, run: ModelRun) -> None:
        locked = lock_run(session, self.ids[run.organization], run.id)
        for _ in range(self.random.choice([1, 1, 2])):
            release_hold(session, locked)
        if run.held:
            self.model.books[run.organization].post("release", run.held, f"release:{run.id}", run_id=run.id)

    def _fail(self, session: Session, run: ModelRun) -> None:
        self._release(session, run)
        driver(session).execute(_FAIL, [run.id])

    def _decide(self, session: Session, run: ModelRun, *, already: int) -> None:
        driver(session).execute(
            _DECIDE,
            {
                "run": run.id,
                "made_on": made_on(run.id),
                "refused": run.refused,
                "uncertain": run.uncertain,
                "refundable": run.refundable,
            },
        )
        due = run.price * (run.refused - already)
        if due:
            key = f"refund:{run.id}:{run.refundable}"
            self.model.books[run.organization].post("refund", due, key, run_id=run.id)
        locked = lock_run(session, self.ids[run.organization], run.id)
        refunds = [settle_run(session, locked) for _ in range(self.random.choice([1, 1, 2]))]
        self.check(refunds[0] == due and not any(refunds[1:]), f"{refunds} refunded, not {due}")
        if run.uncertain and len(self.model.doubtful) < OPEN_MAX:
            self.model.doubtful.append(run)

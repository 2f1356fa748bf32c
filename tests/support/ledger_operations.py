"""Operations on credits, each done to the real ledger and to a model of it: entries, and single messages."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from models.errors import InsufficientCredits
from models.rules.ids import made_on
from models.session import Database, driver
from models.store.ledger import post
from models.store.organizations import top_up
from models.store.outgoing import NewMessage
from models.store.singles import write_paid_single
from tests.support.ledger_model import Model, ModelSingle, ShortError

LEAST = Decimal("0.0001")
OPEN_MAX = 60  # of a kind, so that everything comes to an end

_END_SINGLE = """
WITH gone AS (DELETE FROM outbox WHERE message_id = %(id)s)
UPDATE messages SET state = %(state)s, first_tried_at = now() WHERE id = %(id)s AND made_on = %(made_on)s
"""


class Operations:
    """Operations in the transaction they are given. `check` is told whether what came of one is right, and what is not.

    They are chosen by `random` alone, so that the same seed does the same again.
    """

    def __init__(self, ids: Sequence[UUID], model: Model, seed: int, check: Callable[[bool, str], None]) -> None:
        self.ids = ids
        self.model = model
        self.random = random.Random(seed)
        self.check = check
        self.short = 0  # how often there were too few credits
        self._references = 0
        self._too_dear: list[int] = []

    def amount(self, most: int) -> Decimal:
        """Up to so many ten-thousandths."""
        return LEAST * self.random.randint(0, most)

    def organization(self) -> int:
        """The number of one of the organizations."""
        return self.random.randrange(len(self.ids))

    def book(
        self,
        session: Session,
        no: int,
        kind: str,
        amount: Decimal,
        key: str,
        *,
        run: UUID | None = None,
        message: UUID | None = None,
    ) -> bool:
        """Book it in both; False when there are too few credits, in both."""
        try:
            self.model.books[no].post(kind, amount, key, run_id=run, message_id=message)
            is_short = False
        except ShortError:
            is_short = True
        own = {"kind": kind, "amount": amount, "key": key, "reason": kind}
        try:
            booked = post(session, self.ids[no], **own, run_id=run, message_id=message)
        except InsufficientCredits as error:
            self.check(is_short and error.available == self.model.books[no].balance, f"{key} was refused")
            self.short += 1
            return False
        self.check(booked and not is_short, f"{key} was not booked")
        return True

    def top_up(self, session: Session) -> None:
        """Credits come in."""
        no, amount = self.organization(), self.amount(9_000)
        self._references += 1
        reference = str(self._references)
        self.model.books[no].post("topup", amount, f"topup:{reference}")
        self.check(top_up(session, self.ids[no], amount, reference=reference), "a top-up was not booked")

    def again(self, session: Session) -> None:
        """Something that was booked is booked again, as after a commit whose answer got lost."""
        no = self.organization()
        if recent := self.model.books[no].recent:
            entry = self.random.choice(recent)
            booked = post(session, self.ids[no], kind=entry.kind, amount=entry.amount, key=entry.key, reason="again")
            self.check(not booked, f"{entry.key} was booked twice")

    def single(self, session: Session) -> None:
        """A single message is written and charged."""
        no, cost = self.organization(), self.amount(2000)
        book = self.model.books[no]
        if len(self.model.singles) >= OPEN_MAX:
            self.end_single(session)
        if book.balance < cost:
            self._too_dear.append(no)  # the error ends its transaction, so in one of its own
            return
        message = NewMessage("a@example.com", self.ids[no], cost)
        paid = write_paid_single(session, self.ids[no], "email", message, reason="Email")
        book.post("charge", -cost, f"charge:{paid.message_id}", message_id=paid.message_id)
        self.check(paid.balance == book.balance, f"balance {paid.balance} after a single, not {book.balance}")
        self.model.singles.append(ModelSingle(paid.message_id, no, cost))

    def try_what_is_too_dear(self, database: Database) -> None:
        """Singles that cost more than there is: nothing of them may be kept."""
        for no in self._too_dear:
            available = self.model.books[no].balance
            message = NewMessage("a@example.com", self.ids[no], available + LEAST)
            with pytest.raises(InsufficientCredits) as refusal, database.transaction(None) as session:
                write_paid_single(session, self.ids[no], "email", message, reason="Email")
            self.check(refusal.value.available == available, f"available {refusal.value.available}, not {available}")
            self.short += 1
        self._too_dear.clear()

    def end_single(self, session: Session) -> None:
        """A single is accepted, or refused and refunded."""
        if not self.model.singles:
            return
        single = self.model.singles.pop(self.random.randrange(len(self.model.singles)))
        state = self.random.choice(["accepted", "uncertain", "failed"])
        driver(session).execute(_END_SINGLE, {"id": single.id, "made_on": made_on(single.id), "state": state})
        if state == "failed":
            self.book(session, single.organization, "refund", single.cost, f"refund:{single.id}", message=single.id)

"""Operations on credits in a random order that a seed repeats, done to the real ledger and to a model of it."""

from contextlib import suppress

from sqlalchemy import text

from models.session import Database, driver
from models.store.ledger import entry_id
from models.store.organizations import create_organization
from tests.support.ledger_model import Book, Model
from tests.support.ledger_runs import RunOperations

_TRANSACTION_MAX = 40  # operations
_CRASHES = 0.03  # share of the transactions
_COMPARED_EVERY = 2000


class _CrashError(Exception):
    """The transaction is lost."""


class LedgerSimulation:
    """`run` does so many operations; AssertionError names seed and operation where ledger and model part."""

    def __init__(self, database: Database, seed: int, organizations: int = 3) -> None:
        self._database = database
        self._seed = seed
        self._done = 0
        with database.transaction(None) as session:
            self._ids = [create_organization(session, name=f"Acme {no}").id for no in range(organizations)]
        self._seen = [0 for _ in self._ids]
        self._operations = RunOperations(self._ids, Model([Book() for _ in self._ids]), seed, self._check)

    @property
    def told(self) -> str:
        """What was done, in a line, and how to do it again."""
        balances = ", ".join(str(book.balance) for book in self._operations.model.books)
        return (
            f"FAULTS_SEED={self._seed}: {self._done:,} operations, {self._operations.short:,} of them refused for want "
            f"of credits; balances {balances}"
        )

    @property
    def done(self) -> int:
        """How many operations were done."""
        return self._done

    def run(self, operations: int) -> None:
        """Do operations until there were so many, some in a transaction; some transactions are lost in a crash."""
        do = self._operations
        shares = {
            do.top_up: 6,
            do.single: 36,
            do.end_single: 34,
            do.hold: 5,
            do.plan: 5,
            do.cancel: 1,
            do.end: 5,
            do.late_evidence: 2,
            do.again: 6,
        }
        chosen, weights, compared = list(shares), list(shares.values()), 0
        while self._done < operations:
            before, crash = do.model.copy(), do.random.random() < _CRASHES
            with suppress(_CrashError), self._database.transaction(None) as session:
                for operation in do.random.choices(chosen, weights, k=do.random.randint(1, _TRANSACTION_MAX)):
                    operation(session)
                    self._done += 1
                if crash:
                    raise _CrashError
            if crash:
                do.model = before
            do.try_what_is_too_dear(self._database)
            if self._done - compared >= _COMPARED_EVERY:
                self._compare()
                compared = self._done
        self._compare()

    def _compare(self) -> None:
        """Balances, and all entries since the last comparison in their order, are those of the model."""
        with self._database.transaction(None) as session:
            for no, (organization_id, book) in enumerate(zip(self._ids, self._operations.model.books, strict=True)):
                balance = session.execute(
                    text("SELECT balance FROM organizations WHERE id = :id"), {"id": organization_id}
                ).scalar_one()
                self._check(balance == book.balance >= 0, f"balance {balance}, not {book.balance}")
                rows = driver(session).execute(_ENTRIES, [organization_id, self._seen[no]]).fetchall()
                wanted = [
                    (entry_id(organization_id, e.key), e.kind, e.amount, e.balance_after, e.run_id, e.message_id)
                    for e in book.entries
                ]
                self._check([row[:-1] for row in rows] == wanted, "other entries")
                self._seen[no] = rows[-1][-1] if rows else self._seen[no]
                book.entries.clear()

    def _check(self, is_right: bool, what: str) -> None:
        assert is_right, f"FAULTS_SEED={self._seed}, operation {self._done}: {what}"


_ENTRIES = """
SELECT id, kind, amount, balance_after, run_id, message_id, seq FROM ledger_entries
WHERE organization_id = %s AND seq > %s ORDER BY seq
"""

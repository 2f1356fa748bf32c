"""Every cent, over operations in a random order: the ledger against a model of it in pure Python.

LEDGER_OPERATIONS=1000000 for the long form; LEDGER_SEED to repeat one, as the failure names it.
"""

import os

import pytest
from sqlalchemy import text

from models.session import Database
from tests.support.books import check_books
from tests.support.ledger_simulation import LedgerSimulation

_OPERATIONS = int(os.environ.get("LEDGER_OPERATIONS", "2000"))
_SEED = int(os.environ.get("LEDGER_SEED", "20260131"))
_TIMEOUT_SECONDS = 300 + _OPERATIONS // 250


@pytest.mark.timeout(_TIMEOUT_SECONDS)
def test_the_ledger_is_what_a_model_of_it_says(database: Database) -> None:
    simulation = LedgerSimulation(database, _SEED)
    simulation.run(_OPERATIONS)
    check_books(database)
    print(simulation.told)


def test_a_difference_is_named_with_the_seed_that_leads_to_it(database: Database) -> None:
    simulation = LedgerSimulation(database, _SEED)
    simulation.run(50)
    with database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = balance + 0.0001"))
    with pytest.raises(AssertionError, match=rf"LEDGER_SEED={_SEED}, operation \d+: "):
        simulation.run(5000)

"""Every cent, over operations in a random order: the ledger against a model of it in pure Python."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from models.session import Database
from tests.support.books import check_books
from tests.support.invariants import Found
from tests.support.ledger_simulation import LedgerSimulation
from tests.support.trials import Trial

_STANDING = """
SELECT (SELECT count(*) FROM messages) AS messages,
       (SELECT sum(abs(o.balance - (SELECT coalesce(sum(e.amount), 0) FROM ledger_entries e
                                    WHERE e.organization_id = o.id))) FROM organizations o) AS off
"""


def test_the_ledger_is_what_a_model_of_it_says(database: Database, trial: Trial) -> None:
    simulation = LedgerSimulation(database, trial.seed)
    simulation.run(trial.of(short=2000, long=1_000_000))
    print(simulation.told)
    with database.transaction(None) as session:
        standing = session.execute(text(_STANDING)).one()
    cents_off = (standing.off * 100).normalize() if standing.off else Decimal(0)
    # No mail server has a part in it, so that nothing is known of these.
    unknown = dict.fromkeys(("lost", "doubled", "resent", "uncertain"))
    found = Found(standing.messages, **unknown, cents_off=cents_off)
    trial.write("operations on credits, three in a hundred transactions lost", simulation.done, found)
    check_books(database)


def test_a_difference_is_named_with_the_seed_that_leads_to_it(database: Database) -> None:
    simulation = LedgerSimulation(database, seed=7)
    simulation.run(50)
    with database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = balance + 0.0001"))
    with pytest.raises(AssertionError, match=r"FAULTS_SEED=7, operation \d+: "):
        simulation.run(5000)

"""Two hundred race for the last credits: as many get a message as were paid for, and each of them one."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from models.store.organizations import top_up
from tests.support.callers import an_email
from tests.support.invariants import examine_singles
from tests.support.outbox import send_everything
from tests.support.processes import mail_server

RACERS = 200
THREADS = 32
CENT = Decimal("0.01")


def test_two_hundred_racers_share_the_last_credit(make_engine, tmp_path, call_as, trial):
    races = trial.of(short=1, long=25)
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=1, credits_="0.0099", smtp_url=server.url)
        caller = call_as(engine)
        barrier = threading.Barrier(THREADS)
        paid: set[str] = set()

        def race(no: int, racer: int) -> tuple[str, int]:
            if racer < THREADS:
                barrier.wait(timeout=60)
            recipient = f"p{no}.{racer}@example.org"
            return recipient, caller.post("/emails/send", an_email(recipient)).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            for no in range(races):
                enough = trial.chance.randint(1, RACERS - 1)
                with engine.database.transaction(None) as session:
                    top_up(session, engine.organization_id, enough * CENT, reference=str(no))
                answers = dict(pool.map(lambda racer: race(no, racer), range(RACERS)))  # noqa: B023
                assert Counter(answers.values()) == {202: enough, 402: RACERS - enough}
                paid |= {recipient for recipient, status in answers.items() if status == 202}
                assert engine.balance() == Decimal("0.0099")
        send_everything(engine, "email")
        accepted = server.accepted()
        found = examine_singles(engine, accepted)
    trial.write("200 racers for the last credit", races * RACERS, found)
    assert accepted.keys() == paid

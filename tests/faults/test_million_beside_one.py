"""One organization sends to a million people, another one a single message now and then, by one account with a rate.

The mail server's log says how many of the million came between a single message's commit and its hand-over.
"""

import math
import time
from collections import Counter

from sqlalchemy import text

from deployments.sink_log import read_entries
from tasks.runs.control import cancel_campaign
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.outbox import sending, singles, wait_until
from tests.support.processes import LogTail, mail_server, sender_environment

PER_SECOND = 400
LONGEST_SECONDS = 3.0  # of the account's rate, between the commit of a single message and its hand-over

_PEOPLE = """
WITH made AS (
    INSERT INTO contacts (organization_id, id, email, first_name)
    SELECT :organization, gen_random_uuid(), 'm' || no || '@example.com', 'M' FROM generate_series(1, :people) AS no
    RETURNING id
), listed AS (
    INSERT INTO contact_list_members (organization_id, list_id, contact_id) SELECT :organization, :list, id FROM made
), counted AS (
    UPDATE contact_lists SET contacts_count = contacts_count + :people WHERE id = :list
)
UPDATE organizations SET contacts_count = contacts_count + :people WHERE id = :organization
"""


def _add_people(engine: Engine, people: int) -> None:
    values = {"organization": engine.organization_id, "list": engine.list_id, "people": people}
    with engine.database.transaction(None) as session:
        session.execute(text(_PEOPLE), values)


def test_a_million_recipients_of_one_do_not_hold_up_a_single_message_of_another(make_engine, tmp_path, trial):
    people, times = trial.of(short=5_000, long=1_000_000), trial.of(short=10, long=200)
    with mail_server(tmp_path) as server:
        rate = {"email_rate_per_minute": PER_SECOND * 60}
        engine = make_engine(contacts=1, credits_="20000", smtp_url=server.url, chunk_size=5_000, **rate)
        _add_people(engine, people - 1)
        run = engine.planned(batch_size=500)
        another = engine.another()
        log = LogTail(server.log)
        began_at = time.time()
        environment = sender_environment(engine, email_rate_per_minute=str(PER_SECOND * 60))
        senders = [engine.drainer_process(run, environment) for _ in range(2)]
        before: dict[str, int] = {}
        seconds: list[float] = []
        with sending(engine, "email") as outbox:
            log.wait(PER_SECOND + 100)  # the full bucket is used up
            for no in range(times):
                before[f"otp{no}@example.org"] = log.lines()
                began = time.monotonic()
                singles(another, "email", [f"otp{no}@example.org"])
                wait_until(lambda: outbox.sent > no)  # noqa: B023
                seconds.append(time.monotonic() - began)
                time.sleep(trial.chance.uniform(0, 0.3))  # the moments are what is tried
            with engine.database.transaction(None) as session:
                cancel_campaign(session, engine.organization_id, run.campaign_id)
        for process in senders:
            assert process.wait(timeout=60) == 0
        assert engine.close(run) is not None
        entries = list(read_entries(server.log))
    order = [entry["recipient"] for entry in entries]
    seconds_in_all = max(entry["time"] for entry in entries) - began_at
    assert len(order) <= PER_SECOND * (1 + seconds_in_all), "More went out than the account's rate."
    sent = Counter(order)
    assert all(sent.pop(address) == 1 for address in before), "A single message is lost, or went out twice."
    p99 = sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]
    waited = max(order.index(address) - lines for address, lines in before.items())
    print(f"Singles beside {people:,}: p99 {1000 * p99:.0f} ms; at most {waited} of the others went out meanwhile.")
    found = examine(engine, run, sent)
    trial.write(f"{people:,} recipients beside single messages of another (p99 {1000 * p99:.0f} ms)", times, found)
    assert engine.totals(run).cancelled > people / 10, "The campaign had ended: it tried nothing."
    assert waited < LONGEST_SECONDS * PER_SECOND, "They waited for the campaign."

"""The law of reports: the same set, in any order and any number of times, leaves the same behind."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import delete

from models.rules.reported import COUNTED
from models.rules.reports import ReportKind
from models.tables import EmailDomain
from tasks.providers.sandbox_reports import PRIVACY_PROXY, USER_AGENTS
from tasks.reports.apply import apply_batch
from tests.support.engine import Engine
from tests.support.reports import Said, come_in, left_behind, report

URLS = ["https://acme.example.com/a", "https://acme.example.com/b"]
PEOPLE = [f"silent+{no}" for no in range(30)] + [f"uncertain+{no}" for no in range(5)] + ["reject+1", "reject+2"]


def _payload(chance: random.Random, kind: ReportKind) -> dict:
    if kind is ReportKind.BOUNCED:
        return {"bounce_type": chance.choice(["hard", "soft"]), "code": chance.choice(["5.1.1", "4.2.2"])}
    if kind is ReportKind.OPENED:
        return {"user_agent": chance.choice([*USER_AGENTS, PRIVACY_PROXY])}
    if kind is ReportKind.CLICKED:
        return {
            "url": chance.choice(URLS),
            "user_agent": chance.choice(USER_AGENTS),
            "unsubscribe": chance.random() < 0.2,
        }
    return {}


def _reports(chance: random.Random) -> list[Said]:
    kinds = [kind for kind in ReportKind if kind not in {ReportKind.FAILED, ReportKind.EXPIRED}]
    reports = []
    for person in PEOPLE:
        for no in range(chance.choice([0, 1, 2, 3, 5, 8])):
            kind = chance.choices(kinds, [4, 4, 4, 1, 1, 1])[0]
            said = Said(f"{person}@example.com", kind, chance.randrange(600), _payload(chance, kind), f"{person}:{no}")
            reports.append(said)
    return reports


def _sent(make_engine: Callable[..., Engine]) -> Engine:
    engine = make_engine(people=PEOPLE)
    engine.send(engine.planned())
    return engine


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_duplication_leave_the_same(make_engine: Callable[..., Engine], seed: int) -> None:
    chance = random.Random(seed)
    reports = _reports(chance)
    tidy = _sent(make_engine)
    with tidy.database.transaction(None) as session:  # its domain can be verified by one organization at a time
        session.execute(delete(EmailDomain))
    untidy = _sent(make_engine)
    report(tidy, *sorted(reports, key=lambda said: said.occurred_at))
    for round_ in range(3):
        some = [said for said in reports if round_ == 2 or chance.random() < 0.6]
        chance.shuffle(some)
        come_in(untidy.database, untidy.organization_id, some + chance.sample(some, len(some) // 3))
        while True:
            with untidy.database.transaction(None) as session:
                if not apply_batch(session, limit=chance.choice([1, 3, 20])):
                    break
    expected, found = (left_behind(each.database, each.organization_id) for each in (tidy, untidy))
    assert {name for name in expected if found[name] != expected[name]} == set()
    assert found == expected
    _check_against_a_recount(found)


def _check_against_a_recount(found: dict) -> None:
    """Counters = a recount of the messages; nobody was counted whom no provider has."""
    messages = [row for row in found["messages"] if row[1] not in {"failed"}]
    counted = [sum(row[3 + no] is not None for row in messages) for no in range(6)]
    totals = found["totals"][0]
    assert [getattr(totals, name) for name in COUNTED] == counted
    assert [sum(row[2 + no] for row in found["days"]) for no in range(6)] == counted
    assert sum(row[1] for row in found["days"]) == totals.sent
    assert totals.sent + totals.uncertain + totals.failed == len(found["messages"])
    assert totals.uncertain == sum(row[1] == "uncertain" for row in found["messages"])
    assert sum(row[2] for row in found["clients"]) == totals.opened
    assert all(0 < row[2] <= row[1] for row in found["links"])

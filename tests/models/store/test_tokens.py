"""Requests that are admitted together, in one statement."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.session import Database, Role
from models.settings import Settings
from models.store.organizations import create_organization, create_token, hash_secret
from models.store.tokens import Admission, admit

Asked = tuple[UUID, bytes]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def ask(settings: Settings) -> Iterator[Callable[..., list[Admission | None]]]:
    """Asks as the API's role."""
    api = Database(settings, Role.API, pool_size=1)

    def ask(*asked: Asked) -> list[Admission | None]:
        with api.autocommit() as connection:
            return admit(connection, asked)

    yield ask
    api.close()


def _token(engine: Database, name: str, limit: int) -> Asked:
    with engine.transaction(None) as session:
        organization = create_organization(session, name=name, rate_limit=limit)
        id_, secret = create_token(session, organization.id, user_id=None, name="tests").text.split("|")
    return UUID(id_), hash_secret(secret)


def _shown(admissions: list[Admission | None]) -> list[tuple[int, bool] | None]:
    """What is left, and whether it may go on."""
    return [each and (each.remaining, each.retry_after is None) for each in admissions]


def test_each_gets_the_answer_to_its_own_token(engine, ask) -> None:
    acme, globex = _token(engine, "Acme", 10), _token(engine, "Globex", 5)
    wrong, unknown = (acme[0], b"x" * 32), (uuid4(), acme[1])
    answers = ask(acme, wrong, globex, unknown, acme)
    assert _shown(answers) == [(9, True), None, (4, True), None, (8, True)]
    assert [each and each.caller.token_id for each in answers] == [acme[0], None, globex[0], None, acme[0]]
    assert answers[0].caller.organization_id != answers[2].caller.organization_id
    assert answers[0].caller == answers[4].caller


def test_of_those_that_come_together_the_first_ones_pass(engine, ask) -> None:
    acme = _token(engine, "Acme", 3)
    assert _shown(ask(acme)) == [(2, True)]
    answers = ask(acme, acme, acme, acme)
    assert _shown(answers) == [(1, True), (0, True), (0, False), (0, False)]
    assert all(1 <= each.retry_after <= 60 for each in answers[2:])
    assert _shown(ask(acme, acme)) == [(0, False), (0, False)]


def test_what_is_refused_does_not_count(engine, ask) -> None:
    acme = _token(engine, "Acme", 3)
    ask(*[acme] * 10)
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET rate_limit = 5"))
    assert _shown(ask(acme, acme, acme)) == [(1, True), (0, True), (0, False)]


def test_a_lower_limit_than_what_was_made_refuses_and_takes_nothing_back(engine, ask) -> None:
    acme = _token(engine, "Acme", 5)
    ask(acme, acme, acme)
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET rate_limit = 2"))
    assert _shown(ask(acme)) == [(0, False)]
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET rate_limit = 5"))
    assert _shown(ask(acme)) == [(1, True)]


def test_a_token_is_used_when_it_was_admitted(engine, ask) -> None:
    used, idle = _token(engine, "Acme", 5), _token(engine, "Globex", 5)
    ask(used, used, (idle[0], b"x" * 32))
    with engine.transaction(None) as session:
        rows = session.execute(text("SELECT id, last_used_at IS NOT NULL FROM api_tokens")).all()
    assert dict(map(tuple, rows)) == {used[0]: True, idle[0]: False}

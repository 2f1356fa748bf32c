"""The scope of a request: who calls, and the one transaction in which the request is done.

The transaction begins with the look-up of the token and ends when the view has returned: it commits when there was
no error, and rolls back otherwise. What must come after the commit (starting a flow) is handed to `after_commit`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from flask import current_app, g, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from api.errors import Unauthenticated
from models.errors import NotFound
from models.session import Database
from models.settings import Settings
from models.store.organizations import hash_secret
from models.store.tokens import Caller, authenticate

_BEARER = re.compile(r"Bearer +([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\|([\x21-\x7e]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resources:
    """What the process has once: settings and a pool of connections."""

    settings: Settings
    database: Database


class Own(NamedTuple):
    """The first two arguments of every store function."""

    session: Session
    organization_id: UUID


@dataclass
class Scope:
    """One request of one caller."""

    caller: Caller
    session: Session
    _transaction: ExitStack
    _afterwards: list[Callable[[], object]] = field(default_factory=list)

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do this when the work is committed, and not at all if it never is."""
        self._afterwards.append(action)

    def commit(self) -> None:
        """Commit now and give the connection back; for a view that waits. The session is closed by it."""
        self._transaction.pop_all().close()
        while self._afterwards:
            self._afterwards.pop(0)()


def resources() -> Resources:
    """The settings and the database of the running application."""
    found: Resources = current_app.extensions["exosend"]
    return found


def scope() -> Scope:
    """The scope of the request that is being answered."""
    found: Scope = g.scope
    return found


def own() -> Own:
    """Session and organization, as store functions take them: `read_contact(*own(), contact_id)`."""
    return Own(g.scope.session, g.scope.caller.organization_id)


@contextmanager
def authenticated() -> Iterator[Scope]:
    """Authenticate the request and open its scope. Raises Unauthenticated; then NotFound for a path's malformed id."""
    token_id, secret_hash = _credentials()
    if request.mimetype != "multipart/form-data":
        body = request.get_data()  # a slow client is waited for before a connection is taken, not with one in hand
        if len(body) >= (request.max_content_length or sys.maxsize):
            raise RequestEntityTooLarge  # it came in chunks: Werkzeug stops reading at the limit, and says nothing
    with ExitStack() as transaction:
        session = transaction.enter_context(resources().database.unidentified_transaction())
        caller = authenticate(session, token_id, secret_hash)
        if caller is None:
            raise Unauthenticated
        g.scope = Scope(caller, session, transaction)
        if None in (request.view_args or {}).values():
            raise NotFound
        yield g.scope
        g.scope.commit()


def _credentials() -> tuple[UUID, bytes]:
    match = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise Unauthenticated
    return UUID(match[1]), hash_secret(match[2])

"""The scope of a request: who calls, and the one transaction in which the request is done.

The look-up of the token comes first; it counts the request too, in a transaction of its own. A connection is taken,
and the transaction of the work begins, when something is first asked of the database. It ends when the view has
returned: it commits when there was no error, and rolls back otherwise. What must come after the commit (starting a
flow) is handed to `after_commit`.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from flask import Request, current_app, g
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from api.errors import Unauthenticated
from api.forms import MULTIPART
from api.gate import Gate
from api.throttle import admit_request, check_limit
from api.together import Together
from api.tracking.recorder import Recorder
from api.valkey_counter import ValkeyCounter
from models.errors import NotFound
from models.rules.link_tokens import LinkKeys
from models.session import Database
from models.settings import Settings
from models.store.organizations import hash_secret
from models.store.tokens import Caller
from tasks.runs.send_sms import SentSms, SingleSms, send_sms_together

_UPLOAD_BYTES = 4 * 1024 * 1024  # a batch of 1,000 short emails is 0.5 MB
_READS = ("GET", "HEAD")
_BEARER = re.compile(r"Bearer +([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\|([\x21-\x7e]{1,200})", re.IGNORECASE)


class Own(NamedTuple):
    """The first two arguments of every store function."""

    session: Session
    organization_id: UUID


def _send_singles(own: Own, sms: Sequence[SingleSms]) -> list[SentSms | Exception]:
    return send_sms_together(*own, sms)


@dataclass(frozen=True, slots=True)
class Resources:
    """What the process has once: settings, a pool of connections, and what counts requests if Postgres does not."""

    settings: Settings
    database: Database
    counter: ValkeyCounter | None
    link_keys: LinkKeys
    recorder: Recorder
    gate: Gate = field(default_factory=Gate)
    singles: Together[Own, SingleSms, SentSms | Exception] = field(default_factory=lambda: Together(_send_singles))


@dataclass
class Scope:
    """One request of one caller."""

    caller: Caller
    _transaction: ExitStack
    _begin: Callable[[], AbstractContextManager[Session]]
    _session: Session | None = None  # not a cached property: in Python 3.11 all requests would share its lock
    is_committed: bool = False
    _afterwards: list[Callable[[], object]] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """What the work is done with. The transaction begins when it is first asked for."""
        if self._session is None:
            self._session = self._transaction.enter_context(self._begin())
        return self._session

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do this when the work is committed, and not at all if it never is."""
        self._afterwards.append(action)

    def commit(self) -> None:
        """Commit now and give the connection back; for a view that waits. The session is closed by it."""
        self._transaction.pop_all().close()
        self.is_committed = True
        while self._afterwards:
            self._afterwards.pop(0)()

    @contextmanager
    def work(self) -> Iterator[Session]:
        """The transaction of the work or, when that is committed already, another one."""
        if not self.is_committed:
            yield self.session
        else:
            with resources().database.transaction(self.caller.organization_id) as session:
                yield session


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
    found = scope()
    return Own(found.session, found.caller.organization_id)


@contextmanager
def authenticated(request: Request, *, in_transaction: bool) -> Iterator[Scope]:
    """Authenticate the request, count it, and open its scope. What only reads, or commits by itself, is done outside
    of a transaction.

    Raises Unauthenticated; then TooManyRequests; then NotFound for a path's malformed id.
    """
    token_id, secret_hash = _credentials(request)
    found = resources()
    database = found.database
    only_reads = request.method in _READS
    is_upload = not only_reads and _is_upload(request)
    if not is_upload and not only_reads:
        _read_body(request)  # a slow client is waited for before a connection is taken, not with one in hand
    with ExitStack() as stack:
        hand = _Hand(database, stack)
        admission = admit_request(hand.connection, found.counter, found.gate, token_id, secret_hash)
        if admission is None:
            raise Unauthenticated
        check_limit(admission)
        if None in (request.view_args or {}).values():
            raise NotFound
        if is_upload:  # it is slow, or large, and is read for nobody who is not known
            hand.give_back()
            _read_body(request)
        is_together = not in_transaction and not only_reads
        if is_together:  # it waits for others, who might then have no connection to end its waiting with
            hand.give_back()
        session_on = database.reading_on if is_together or only_reads else database.transaction_on
        organization_id = admission.caller.organization_id
        g.scope = opened = Scope(admission.caller, stack, lambda: session_on(hand.connection(), organization_id))
        yield opened
        opened.commit()


@dataclass(slots=True)
class _Hand:
    """A request's connection, taken when it is first needed."""

    _database: Database
    _stack: ExitStack
    _taken: Connection | None = None

    def connection(self) -> Connection:
        if self._taken is None:
            self._taken = self._stack.enter_context(self._database.for_request())
        return self._taken

    def give_back(self) -> None:
        self._stack.close()
        self._taken = None


def _is_upload(request: Request) -> bool:
    length = request.content_length
    comes_in_chunks = length is None and "Transfer-Encoding" in request.headers
    return request.mimetype == MULTIPART or comes_in_chunks or (length or 0) > _UPLOAD_BYTES


def _read_body(request: Request) -> None:
    if request.mimetype == MULTIPART:
        _ = request.files
    elif len(request.get_data()) >= (request.max_content_length or sys.maxsize):
        raise RequestEntityTooLarge  # it came in chunks: Werkzeug stops reading at the limit, and says nothing


def _credentials(request: Request) -> tuple[UUID, bytes]:
    match = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if match is None:
        raise Unauthenticated
    return UUID(match[1]), hash_secret(match[2])

"""How many requests an organization may make in a minute, and what it is told about it.

In Postgres counting is one statement together with the look-up of the token (models/store/tokens.py, `admit`).
"""

from uuid import UUID

from flask import Flask, Response, g
from sqlalchemy import Connection

from api.valkey_counter import ValkeyCounter
from models.errors import ExoSendError
from models.session import driver
from models.store.tokens import Admission, admit, admit_and_begin, identify

_KNOWN_MAX = 10_000  # tokens


class KnownTokens:
    """Whose each token was when it was last seen: a guess, by which a request's transaction begins with its admission.

    Thread-safe. It admits nobody: whether a token is good is looked up in each request.
    """

    def __init__(self) -> None:
        self._organizations: dict[UUID, UUID] = {}

    def organization_of(self, token_id: UUID) -> UUID | None:
        """The organization; None for a token that was not seen."""
        return self._organizations.get(token_id)

    def see(self, admission: Admission) -> None:
        """Remember whose token was admitted."""
        if len(self._organizations) >= _KNOWN_MAX:
            self._organizations.clear()
        self._organizations[admission.caller.token_id] = admission.caller.organization_id


class TooManyRequests(ExoSendError):
    """The organization has made as many requests as it may in a minute."""

    status = 429

    def __init__(self) -> None:
        super().__init__("Too Many Attempts.")


def admit_request(
    connection: Connection, counter: ValkeyCounter | None, known: KnownTokens, token_id: UUID, secret_hash: bytes
) -> tuple[Admission | None, bool]:
    """Find out who calls, and count the request; None: nobody who is known. And whether the connection is in a
    transaction of the caller's organization already.

    Where `counter` cannot count, Postgres does, from nothing: for the rest of that minute up to twice the limit passes.
    """
    if counter is not None:
        caller = identify(connection, token_id, secret_hash)
        if caller is None:
            return None, False
        counted = counter.count(caller.organization_id, caller.rate_limit)
        if counted is not None:
            return Admission(caller, counted.remaining, counted.retry_after), False
    expected = known.organization_of(token_id)
    if expected is None:
        admission = admit(connection, token_id, secret_hash)
        if admission is not None:
            known.see(admission)
        return admission, False
    admission = admit_and_begin(connection, token_id, secret_hash, expected)
    has_begun = admission is not None and admission.retry_after is None and admission.caller.organization_id == expected
    if not has_begun:
        driver(connection).rollback()
    return admission, has_begun


def check_limit(admission: Admission) -> None:
    """Remember what the answer will say of the limit. Raises TooManyRequests."""
    g.admission = admission
    if admission.retry_after is not None:
        raise TooManyRequests


def show_limits(app: Flask) -> None:
    """Let every answer to a caller that is known, also an error, say what the limit is and what is left of it."""

    @app.after_request
    def _show(answer: Response) -> Response:
        admission: Admission | None = g.get("admission")
        if admission is not None:
            answer.headers["X-RateLimit-Limit"] = str(admission.caller.rate_limit)
            answer.headers["X-RateLimit-Remaining"] = str(admission.remaining)
            if admission.retry_after is not None:
                answer.headers["Retry-After"] = str(admission.retry_after)
        return answer

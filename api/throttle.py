"""How many requests an organization may make in a minute, and what it is told about it.

In Postgres counting is one statement together with the look-up of the token (api/gate.py).
"""

from collections.abc import Callable
from uuid import UUID

from flask import Flask, Response, g
from sqlalchemy import Connection

from api.gate import Gate
from api.valkey_counter import ValkeyCounter
from models.errors import ExoSendError
from models.store.tokens import Admission, identify


class TooManyRequests(ExoSendError):
    """The organization has made as many requests as it may in a minute."""

    status = 429

    def __init__(self) -> None:
        super().__init__("Too Many Attempts.")


def admit_request(
    connect: Callable[[], Connection], counter: ValkeyCounter | None, gate: Gate, token_id: UUID, secret_hash: bytes
) -> Admission | None:
    """Find out who calls, and count the request; None: nobody who is known. `connect` gives a connection.

    Where `counter` cannot count, Postgres does, from nothing: for the rest of that minute up to twice the limit passes.
    """
    if counter is not None:
        caller = identify(connect(), token_id, secret_hash)
        if caller is None:
            return None
        counted = counter.count(caller.organization_id, caller.rate_limit)
        if counted is not None:
            return Admission(caller, counted.remaining, counted.retry_after)
    return gate.admit(connect, token_id, secret_hash)


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

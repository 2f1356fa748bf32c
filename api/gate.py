"""The gate that every request passes: whose token is this, and may it make another request?"""

from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models.store.tokens import Admission, admit

_WAIT_SECONDS = 45.0  # longer than Postgres lets a statement of the API take


@dataclass(slots=True, eq=False)
class _Asked:
    """A request at the gate. `turn` is given to it when it has an answer, or is the one to ask."""

    token_id: UUID
    secret_hash: bytes
    answer: Admission | None = None
    has_answer: bool = False
    turn: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.turn.acquire()


class Gate:
    """Asks Postgres for all requests that wait in this process at once, and in one statement. Thread-safe.

    To ask for each by itself costs more than to read a row for it: those of an organization take the same row, and wait
    for one another in Postgres, where waiting is dear. A request that finds nobody asking asks at once: none waits for
    company.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_Asked] = []
        self._is_asking = False

    def admit(self, connection: Connection, token_id: UUID, secret_hash: bytes) -> Admission | None:
        """Find out who calls, and count the request; None: nobody who is known. `connection` is in autocommit.

        Raises what the database raises on this connection: when asking fails, the others that wait ask again.
        """
        own = _Asked(token_id, secret_hash)
        with self._lock:
            self._waiting.append(own)
            asks = not self._is_asking
            self._is_asking = True
        if not asks:
            self._wait(own)
        if not own.has_answer:
            self._ask(connection, own)
        return own.answer

    def _wait(self, own: _Asked) -> None:
        if own.turn.acquire(timeout=_WAIT_SECONDS):
            return
        with self._lock:
            if own.turn.acquire(blocking=False):  # it was given just now
                return
            if own in self._waiting:
                self._waiting.remove(own)
        raise PoolTimeoutError("A connection of this process has not answered for too long.")

    def _ask(self, connection: Connection, own: _Asked) -> None:
        with self._lock:
            together, self._waiting = self._waiting, []
        try:
            answers = admit(connection, [(each.token_id, each.secret_hash) for each in together])
        except BaseException:
            with self._lock:
                self._waiting[:0] = [each for each in together if each is not own]
            raise
        else:
            for each, answer in zip(together, answers, strict=True):
                each.answer, each.has_answer = answer, True
                if each is not own:
                    each.turn.release()
        finally:
            with self._lock:
                self._is_asking = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].turn.release()  # it asks, for all that came meanwhile

"""The gate that every request passes: whose token is this, and may it make another request?"""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from api.together import Together
from models.store.tokens import Admission, admit

_Asked = tuple[UUID, bytes]


class Gate:
    """Asks Postgres for all requests that wait in this process at once, and in one statement. Thread-safe."""

    def __init__(self) -> None:
        self._together: Together[Connection, _Asked, Admission | None] = Together(_admit)

    def admit(self, connect: Callable[[], Connection], token_id: UUID, secret_hash: bytes) -> Admission | None:
        """Find out who calls, and count the request; None: nobody who is known. `connect` gives a connection in
        autocommit; it is called by the one that asks for all.

        Raises what the database raises on this connection: when asking fails, the others that wait ask again.
        """
        return self._together.ask(connect, (token_id, secret_hash))


def _admit(connection: Connection, asked: Sequence[_Asked]) -> Sequence[Admission | None]:
    return admit(connection, asked)

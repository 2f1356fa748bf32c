"""All that is stored encrypted, and storing it anew under the secret key of today."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy.orm import Session

from models.encryption import encrypt_again
from models.errors import SetupError
from models.session import driver
from models.settings import Settings


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column of models/encryption.py's tokens. `key`: the columns of its table's primary key, with their types."""

    table: str
    column: str
    key: tuple[tuple[str, str], ...] = (("id", "uuid"),)


ENCRYPTED_COLUMNS = (
    EncryptedColumn("provider_accounts", "url_encrypted"),
    EncryptedColumn("provider_accounts", "callback_keys_encrypted"),
    EncryptedColumn("email_domains", "dkim_private_key"),
    EncryptedColumn("webhook_endpoints", "secret"),
    EncryptedColumn("webhook_endpoints", "previous_secret"),
    EncryptedColumn("callbacks", "headers_encrypted"),
    EncryptedColumn("admin_forms", "notice", (("user_id", "uuid"), ("key", "uuid"))),
)
"""A test compares it with what the tables have (tests/architecture/test_encrypted_columns.py)."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was done of a column: how many values were looked at, stored anew, or could not be opened by any key; and
    the key of the last row, None when there is no further one."""

    seen: int
    renewed: int
    unopened: int
    last: Key | None


_PAGE = """
SELECT {key}, {column} FROM {table}
WHERE {column} IS NOT NULL AND (%(after)s::text[] IS NULL OR ({key}) > ({after}))
ORDER BY {key} LIMIT %(limit)s FOR NO KEY UPDATE
"""


def renew_encryption(
    session: Session, settings: Settings, what: EncryptedColumn, *, after: Key | None, limit: int
) -> Renewed:
    """Store at most `limit` values of a column anew, those behind the row with the key `after`. For the engine, which
    sees every organization's rows.

    One transaction: whatever ends it leaves each value under the one key or the other. What no key opens stays as it
    is. Raises SetupError without a secret key.
    """
    keys = sql.SQL(", ").join(sql.Identifier(name) for name, _ in what.key)
    shown = sql.SQL(", ").join(
        sql.SQL("(%(after)s::text[])[{}]::{}").format(sql.Literal(no), sql.SQL(kind))
        for no, (_, kind) in enumerate(what.key, start=1)
    )
    table, column = sql.Identifier(what.table), sql.Identifier(what.column)
    page = sql.SQL(_PAGE).format(key=keys, column=column, table=table, after=shown)
    values = {"after": None if after is None else [str(part) for part in after], "limit": limit}
    rows = driver(session).execute(page, values).fetchall()
    changed: list[tuple[Key, bytes]] = []
    unopened = 0
    for *key, stored in rows:
        try:
            anew = encrypt_again(settings, bytes(stored))
        except SetupError:
            unopened += 1
        else:
            if anew is not None:
                changed.append((tuple(key), anew))
    _store(session, what, changed)
    return Renewed(len(rows), len(changed), unopened, tuple(rows[-1][:-1]) if len(rows) == limit else None)


def _store(session: Session, what: EncryptedColumn, changed: Sequence[tuple[Key, bytes]]) -> None:
    is_same = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name, _ in what.key)
    statement = sql.SQL("UPDATE {} SET {} = %s WHERE {}").format(
        sql.Identifier(what.table), sql.Identifier(what.column), is_same
    )
    with driver(session).cursor() as cursor:
        cursor.executemany(statement, [(anew, *key) for key, anew in changed])

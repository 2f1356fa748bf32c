"""What is stored encrypted is known in one place: what is forgotten there would be lost with an old secret key."""

from sqlalchemy import LargeBinary

from models.store.encrypted_columns import ENCRYPTED_COLUMNS
from models.tables import Base

# Bytes that are no secret of ours, or only a hash of one.
_PLAIN = {
    ("admin_sessions", "id_hash"),
    ("api_tokens", "secret_hash"),
    ("blob_parts", "content"),
    ("blobs", "sha256"),
    ("callbacks", "body"),
    ("callbacks", "hash"),
    ("contents", "hash"),
    ("idempotency_keys", "request_hash"),
    ("login_failures", "key"),
    ("run_links", "hash"),
}


def test_every_column_of_bytes_is_encrypted_or_known_not_to_be() -> None:
    there = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    encrypted = {(each.table, each.column) for each in ENCRYPTED_COLUMNS}
    assert there - _PLAIN == encrypted
    assert there >= _PLAIN


def test_their_rows_are_found_by_the_primary_key() -> None:
    for each in ENCRYPTED_COLUMNS:
        table = Base.metadata.tables[each.table]
        assert [column.name for column in table.primary_key] == [name for name, _ in each.key]

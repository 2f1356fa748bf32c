"""Arrays written as PostgreSQL writes them are what PostgreSQL reads."""

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.store.arrays import array_text, bytes_array_text, common_or_array, quoted_array_text

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(texts=TEXTS, numbers=st.lists(st.integers(-(2**31), 2**31 - 1)), contents=st.lists(st.binary(max_size=20)))
def test_postgres_reads_what_was_written(owner_url: str, texts, numbers, contents) -> None:
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "SELECT %s::text[], %s::int[], %s::bytea[]",
            [quoted_array_text(texts), array_text(numbers), bytes_array_text(contents)],
        ).fetchone()
    assert row == (texts, numbers, contents)


def test_what_all_have_in_common_is_no_array() -> None:
    assert common_or_array(["a", "a"]) == ([], "a")
    assert common_or_array([None, None]) == ([], None)
    assert common_or_array(["a", None]) == (["a", None], None)
    assert common_or_array([]) == ([], None)

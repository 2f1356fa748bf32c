"""The set-based verdict on addresses is the library's."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.rules.address import is_valid_address, normalise_address
from tasks.audience.addresses import normalised, valid_addresses

ALMOST = st.from_regex(r"[a-z.+ @-]{0,6}@[a-z.-]{0,9}\.(com|test|info|local|ąž|arpa|onion|team)", fullmatch=True)
ADDRESSES = st.lists(st.none() | st.emails() | ALMOST | st.text(max_size=8), max_size=12)
_SEVERAL_WAYS = [
    "  A@B.Com\t",
    "ŽYDRĖ@example.com",
    "ΟΔΟΣ@example.com",
    "a@XN--bcher-kva.de",
    "a@bu\u0308cher.de",
    "xn--",
]


@given(ADDRESSES)
def test_a_column_is_judged_as_the_library_judges_each(texts: list[str | None]) -> None:
    column = pl.Series("email", texts, dtype=pl.String)
    expected = [text is not None and is_valid_address(text) for text in texts]
    assert valid_addresses(column).to_list() == expected


@given(st.lists(st.none() | st.emails() | st.sampled_from(_SEVERAL_WAYS)))
def test_a_column_is_normalised_as_a_single_address_is(texts: list[str | None]) -> None:
    frame = pl.DataFrame({"email": texts}, schema={"email": pl.String})
    expected = [None if text is None else normalise_address(text) for text in texts]
    assert frame.select(normalised("email"))["email"].to_list() == expected

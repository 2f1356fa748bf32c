"""An account's name says its vendor and which row it is."""

from hypothesis import given
from hypothesis import strategies as st

from models.rules.provider_names import account_of, provider_name, vendor_of


@given(st.from_regex("[a-z0-9]+", fullmatch=True), st.none() | st.uuids())
def test_a_name_says_vendor_and_account(vendor: str, account_id: object) -> None:
    name = provider_name(vendor, account_id)  # type: ignore[arg-type]
    assert (vendor_of(name), account_of(name)) == (vendor, account_id)

"""Sender names that nobody may ask for, and those that read like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.protected_names import _exact, protected_by


@pytest.mark.parametrize(
    ("name", "protected"),
    [
        ("PayPal", "PayPal"), ("paypa1", "PayPal"), ("PAYPAI", "PayPal"), ("P.a-y_P a l", "PayPal"),
        ("Paypal-1", "PayPal"), ("PayPal Info", "PayPal"), ("DHL", "DHL"), ("D H L", "DHL"), ("Ama2on", "Amazon"),
        ("AMAZ0N", "Amazon"), ("5wedbank", "Swedbank"), ("Arnazon", "Amazon"), ("GOVUK", "GOV.UK"),
    ],
)  # fmt: skip
def test_a_name_that_reads_like_a_protected_one_is_protected(name: str, protected: str | None) -> None:
    assert protected_by(name) == protected


@pytest.mark.parametrize(
    "name", ["EXOCLASS", "Applewood", "Sebastian", "UPSIDE", "DHLInfo", "GIS", "LNG", "Shop", "+37061234567", "1234"]
)
def test_other_names_are_free(name: str) -> None:
    assert protected_by(name) is None


@given(st.sampled_from(sorted(_exact().values())), st.sampled_from([" ", ".", "_", "-", ""]), st.booleans())
def test_case_and_separators_hide_nothing(name: str, separator: str, upper: bool) -> None:
    assert protected_by(separator.join(name.upper() if upper else name.lower())) == name

"""JSON as the contract wants it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api.encoding import ExactJson

JSON = ExactJson(Flask("api"))
AMOUNTS = st.decimals(min_value=0, max_value=Decimal("9999999999.9999"), places=4)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0.105", "0.105"),
        ("99.9650", "99.965"),
        ("12.0000", "12"),
        ("0.0001", "0.0001"),
        ("9999999999.9999", "9999999999.9999"),
    ],
)
def test_money_is_an_exact_number(amount, written) -> None:
    assert JSON.dumps(Decimal(amount)) == written


@given(AMOUNTS)
def test_every_amount_comes_back_as_it_was(amount) -> None:
    assert json.loads(JSON.dumps(amount), parse_float=Decimal, parse_int=Decimal) == amount


def test_times_are_utc_to_the_second() -> None:
    moment = datetime(2026, 1, 10, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert JSON.dumps([moment, datetime(2026, 1, 10, tzinfo=UTC)]) == (
        '["2026-01-10T10:00:00+00:00","2026-01-10T00:00:00+00:00"]'
    )


def test_ids_are_texts() -> None:
    assert JSON.dumps(UUID(int=7)) == '"00000000-0000-0000-0000-000000000007"'


def test_what_has_no_form_in_json_is_an_error() -> None:
    with pytest.raises(TypeError):
        JSON.dumps(object())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_jsonb_made_whole_is_written_as_it_was_given(number) -> None:
    stored = int(number) if number.is_integer() else number
    assert json.loads(JSON.dumps({"a": [stored], "b": Decimal(1)})) == {"a": [number], "b": 1}

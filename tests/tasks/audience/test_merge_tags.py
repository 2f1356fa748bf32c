"""The values of merge tags, as JSON."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audience.frames import CONTACTS
from tasks.audience.merge_tags import variables_expression

CONTACT = {
    "email": "anna@example.com",
    "first_name": "Anna",
    "last_name": "",
    "phone": None,
    "custom_fields": '{"company": "Say \\"hi\\"", "age": 5, "vip": true, "empty": "", "none": null, "email": "x"}',
}


def _variables(contact: dict[str, str | None], tags: list[str]) -> object:
    frame = pl.DataFrame([contact], schema=dict(CONTACTS))
    return json.loads(frame.select(variables=variables_expression(tags))["variables"][0])


@pytest.mark.parametrize(
    ("tags", "variables"),
    [
        ([], {}),
        (["email", "first_name"], {"email": "anna@example.com", "first_name": "Anna"}),
        (["last_name", "phone", "nowhere", "empty", "none"], {}),
        (["company", "age", "vip"], {"company": 'Say "hi"', "age": "5", "vip": "true"}),
        (["custom_fields.company"], {"custom_fields": {"company": 'Say "hi"'}}),
        (["custom_fields.nowhere"], {"custom_fields": {}}),
        (["email", "custom_fields.email"], {"email": "anna@example.com", "custom_fields": {"email": "x"}}),
    ],
)
def test_just_the_tags_asked_for_that_have_a_value(tags: list[str], variables: object) -> None:
    assert _variables(CONTACT, tags) == variables


def test_without_tags_every_row_has_an_empty_object() -> None:
    frame = pl.DataFrame([CONTACT] * 3, schema=dict(CONTACTS))
    assert frame.select("email", variables=variables_expression([]))["variables"].to_list() == ["{}"] * 3


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text), st.text(min_size=1))
def test_any_value_comes_through_json_unchanged(custom: str, name: str) -> None:
    contact = {**CONTACT, "first_name": name, "custom_fields": json.dumps({"company": custom})}
    assert _variables(contact, ["first_name", "company"]) == {"first_name": name, "company": custom}

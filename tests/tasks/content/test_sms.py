"""The frozen text of an SMS, and what a recipient reads."""

import pytest

from models.errors import InvalidInput
from tasks.content.sms import FrozenSms, freeze_sms, render_sms


def test_a_source_is_cleaned_and_knows_its_merge_tags() -> None:
    frozen = freeze_sms("Hi {{ first_name }},\r\n{{ custom_fields.city }}\x00", "Acme")
    assert frozen.text == "Hi {{ first_name }},\n{{ custom_fields.city }}"
    assert frozen.keys == {"first_name", "custom_fields.city"}


@pytest.mark.parametrize("text", ["", " \n", "\x00"])
def test_nothing_to_say_is_refused_on_the_field_it_came_in(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        freeze_sms(text, "Acme", "message")
    assert error.value.errors == {"message": ["The message field is required."]}


def test_a_mistake_in_a_merge_tag_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidInput) as error:
        freeze_sms("Hi\n{{ first_name", "Acme")
    assert "Line 2" in error.value.errors["message_content"][0]


def test_the_hash_tells_text_and_sender_apart() -> None:
    hashes = {FrozenSms(*fields).hash for fields in [("Hi", "Acme"), ("Hi", "Acme2"), ("Hi2", "Acme"), ("{{ x", "A")]}
    assert len(hashes) == 4
    assert FrozenSms("Hi", "Acme").hash == FrozenSms("Hi", "Acme").hash


def test_values_are_plain_text_and_missing_ones_take_the_tags_default() -> None:
    assert render_sms("{{ a }} {{ b|default('you') }} {{ c|upper }}!", {"a": "<&>", "c": "ok"}) == "<&> you OK!"

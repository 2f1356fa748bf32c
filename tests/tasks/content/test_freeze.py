from dataclasses import fields, replace
from typing import Any

import pytest

from models.errors import InvalidInput
from tasks.content.attachments import StoredFile
from tasks.content.freeze import FrozenEmail, freeze_email
from tasks.content.tracking_tags import Tracking

GIVEN: dict[str, Any] = {
    "subject": "Hi {{ first_name }}",
    "html": "<style>p{top:0}</style><p>{{ custom_fields.city }}</p>\r\n",
    "text": None,
    "from_email": "news@example.com",
}


def test_freezing_inlines_css_and_makes_the_text() -> None:
    frozen = freeze_email(**GIVEN, variables={"a": 1, "b": "", "c": None})
    assert frozen.html is not None
    assert '<p style="top:0">{{ custom_fields.city }}</p>' in frozen.html
    assert frozen.text == "{{ custom_fields.city }}\n"
    assert frozen.variables == {"a": 1}
    assert frozen.keys == {"first_name", "custom_fields.city"}


def test_the_same_content_has_the_same_hash_and_any_other_field_another() -> None:
    frozen = freeze_email(**GIVEN)
    assert frozen.hash == freeze_email(**GIVEN).hash
    assert len(frozen.hash) == 32
    file = StoredFile("id", "invoice.pdf", "application/pdf", 5)
    special = {"tracking": Tracking(), "variables": {"x": 1}, "attachments": (file,)}
    changes: list[dict[str, Any]] = [{field.name: special.get(field.name, "x")} for field in fields(FrozenEmail)]
    others = [replace(frozen, **change) for change in changes]
    assert len({frozen.hash, *(other.hash for other in others)}) == len(fields(FrozenEmail)) + 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": " \r\n"}, "subject"),
        ({"subject": "{{"}, "subject"),
        ({"html": "  "}, "html_content"),
        ({"html": "{% x %}"}, "html_content"),
        ({"text": "{{ a|b }}"}, "text_content"),
        ({"from_email": "a"}, "from_email"),
        ({"from_email": "é@example.com"}, "from_email"),
        ({"reply_to": "a@b@c"}, "reply_to"),
    ],
)
def test_what_cannot_be_sent_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        freeze_email(**(GIVEN | change))
    assert list(error.value.errors) == [field]


def test_an_html_of_images_alone_has_no_text() -> None:
    assert freeze_email(**(GIVEN | {"html": '<img src="x">'})).text is None

"""The quick look at an email says what the schema says, or nothing."""

from typing import Any
from uuid import uuid4

from hypothesis import example, given
from hypothesis import strategies as st

from api.arguments import check
from api.schemas.fields import VARIABLES_MAX
from api.schemas.new_email import Metadata, NewEmail, check_emails, quick_look
from models.errors import InvalidInput

SCHEMA = NewEmail()
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=12)
objects = st.dictionaries(st.text(max_size=5) | st.just("k" * 101), scalars | st.lists(scalars, max_size=1), max_size=4)
addresses = st.sampled_from(
    ["a@example.com", "A.B@Example.org", "x", "a@b", "ü@example.com", "a@bücher.example", '"a"@example.com', "a@x.test"]
)
texts = st.text(max_size=20) | st.sampled_from(["x" * 255, "x" * 256, "x" * 999])
ids = st.sampled_from([str(uuid4()), str(uuid4()).upper(), "x", 5])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("to", "to_email", "from", "from_email", "reply_to"), addresses | scalars),
    **dict.fromkeys(("to_name", "from_name", "subject", "html_content", "text_content"), texts | scalars),
    **dict.fromkeys(("template_id", "email_domain_id"), ids | st.none()),
    **dict.fromkeys(("variables", "metadata"), objects | scalars),
    "attachments": st.none() | st.just([]) | st.just("x"),
    "unknown": scalars,
}


OTHERS = {name: values for name, values in FIELDS.items() if name != "to_email"}


def _checked(email: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return check(SCHEMA, email)
    except InvalidInput:
        return None


@given(email=st.fixed_dictionaries({"to_email": addresses}, optional=OTHERS))
@example({"to_email": "a@example.com", "metadata": {str(n): "é" * 200 for n in range(50)}})
@example({"to_email": "a@example.com", "metadata": {str(n): 1 for n in range(Metadata.KEYS_MAX + 1)}})
@example({"to_email": "a@example.com", "variables": {str(n): 1 for n in range(VARIABLES_MAX + 1)}})
@example({"to_email": "a@example.com", "variables": {" a ": "x"}})
@example({"to_email": "a@example.com", "variables": {"a": "x" * 10_001}})
def test_the_quick_look_never_differs_from_the_schema(email: dict[str, Any]) -> None:
    looked = quick_look(email)
    if looked is not None:
        assert looked == SCHEMA.load(email)


def test_an_ordinary_email_needs_no_second_look() -> None:
    email = {
        "to": "John.Doe@Example.com", "to_name": "John Doe", "from_email": "news@example.com", "subject": "Hi",
        "html_content": "<p>é</p>", "template_id": str(uuid4()), "variables": {"first name": "Zoë", "n": 1.5},
        "metadata": {"order_id": 5, "paid": True}, "reply_to": None,
    }  # fmt: skip
    looked = quick_look(email)
    assert looked is not None
    assert looked == _checked(email)


@given(emails=st.lists(st.fixed_dictionaries({}, optional=FIELDS) | scalars, max_size=4))
def test_errors_are_those_of_each_email_alone(emails: list[Any]) -> None:
    values, errors = check_emails(emails, SCHEMA)
    assert len(values) == len(emails)
    for place, email in enumerate(emails):
        if not isinstance(email, dict):
            assert errors[place]
            assert values[place] == {}
            continue
        messages = SCHEMA.validate(email)
        assert errors.get(place, {}) == messages
        assert values[place].keys().isdisjoint(messages)

"""No value that reaches a header of a message can write another one."""

import json
from email import message_from_bytes
from email.message import Message as Mail

import pytest
from sqlalchemy import select

from models.store.messages import PlannedMessage
from models.tables import Content, Message
from tasks.runs.email_content import EmailComposer

INJECTED = "Anna\r\nBcc: everybody@example.net"
EMAIL = {"to_email": "john@example.org", "subject": "Hello", "html_content": "<p>Hi</p>"}
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version"}


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("field", ["from_name", "to_name"])
def test_a_name_with_a_line_break_is_refused(funded, field: str, line_break: str) -> None:
    answer = funded.post("/emails/send", {**EMAIL, field: f"Anna{line_break}Bcc: everybody@example.net"})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {field: [f"The {field} field must be a single line."]}


@pytest.mark.parametrize("field", ["from_name", "to_name"])
def test_of_a_batch_it_is_named_with_its_place(funded, field: str) -> None:
    answer = funded.post("/emails/send-batch", {"emails": [EMAIL, {**EMAIL, field: INJECTED}]})
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {f"emails.1.{field}"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/campaigns", {"name": "News", "from_name": INJECTED}, "from_name"),
        ("/email-domains", {"domain": "news.example.org", "from_name_default": INJECTED}, "from_name_default"),
    ],
)
def test_so_it_is_where_names_are_kept(acme, path: str, body: dict[str, object], field: str) -> None:
    answer = acme.post(path, body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {field: [f"The {field} field must be a single line."]}


@pytest.mark.parametrize("field", ["to_email", "from_email", "reply_to"])
def test_an_address_with_a_line_break_is_no_address(funded, field: str) -> None:
    answer = funded.post("/emails/send", {**EMAIL, field: "a@example.com\r\nBcc: b@example.net"})
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == [field]


@pytest.mark.parametrize("email", [{"subject": INJECTED}, {"subject": "{{ who }}", "variables": {"who": INJECTED}}])
def test_a_subject_stays_one_header(funded, engine, email: dict[str, object]) -> None:
    assert funded.post("/emails/send", {**EMAIL, **email}).status_code == 202
    with engine.transaction(None) as session:
        message = session.execute(select(Message)).scalar_one()
        compose = EmailComposer(session.execute(select(Content)).scalar_one())
        mail = _mail(compose, message)
    assert {name for name in mail if not name.startswith("Content-")} == HEADERS
    assert "everybody@example.net" in str(mail["Subject"])


def _mail(compose: EmailComposer, message: Message) -> Mail:
    assert message.content_id is not None
    variables = json.dumps(message.variables or {})
    made = compose(
        PlannedMessage(message.id, 0, message.recipient, variables, 0, 0.0, message.content_id, message.to_name)
    )
    return message_from_bytes(made.content)

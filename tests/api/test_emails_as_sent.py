"""What a request asked for is what goes out: the email as the mail server gets it."""

import json
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from uuid import UUID

from sqlalchemy import select

from models.store.messages import PlannedMessage
from models.tables import Message
from tasks.sending.composing import ContentComposers
from tests.support.forms import encoded, form_of


def _composed(engine, message_id: str) -> EmailMessage:
    with engine.transaction(None) as session:
        row = session.execute(select(Message).where(Message.id == UUID(message_id))).scalar_one()
    variables = None if row.variables is None else json.dumps(row.variables)
    message = PlannedMessage(row.id, row.position, row.recipient, variables, 0, 0.0, row.content_id, row.to_name)
    compose = ContentComposers(engine, literal_sms=True).load([message])[row.content_id]
    return BytesParser(policy=policy.SMTP).parsebytes(compose(message).content)


def test_the_email_has_its_names_values_text_and_files(funded, engine) -> None:
    body = {
        "to_email": "john@example.org",
        "to_name": "Jørgen, Doe",
        "from_name": "ExoSend Team",
        "reply_to": "support@example.com",
        "subject": "Hi {{ first_name }}",
        "html_content": "<style>h1{color:red}</style><h1>Hi {{ first_name }}</h1><a href='https://x.example/'>Go</a>",
        "variables": {"first_name": "Jørgen"},
        "attachments": [("sąskaita.pdf", b"%PDF"), ("b.txt", b"hello")],
    }
    answer = funded.post("/emails/send", **encoded(form_of(body)))
    assert answer.status_code == 202, answer.text
    email = _composed(engine, answer.get_json()["data"]["id"])
    assert email["To"].addresses[0].display_name == "Jørgen, Doe"
    assert (email["From"], email["Reply-To"]) == ("ExoSend Team <hello@example.com>", "support@example.com")
    assert email["Subject"] == answer.get_json()["data"]["subject"] == "Hi Jørgen"
    files = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in email.iter_attachments()]
    assert files == [("sąskaita.pdf", "application/pdf", b"%PDF"), ("b.txt", "text/plain", "hello")]
    html, text = (email.get_body((kind,)).get_content() for kind in ("html", "plain"))
    assert 'style="color:red"' in html
    assert text.split() == ["Hi", "Jørgen", "[Go](https://x.example/)"]


def test_html_of_which_no_text_can_be_made_goes_out_alone(funded, engine) -> None:
    html = "<div>" * 300 + "x" + "</div>" * 300
    answer = funded.post("/emails/send", {"to": "john@example.org", "subject": "S", "html_content": html})
    assert answer.status_code == 202
    email = _composed(engine, answer.get_json()["data"]["id"])
    assert email.get_content_type() == "text/html"

"""What a recipient of a batch gets is what the MIME message of ours would say."""

import email
import email.policy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.http_sink import ACCOUNTS
from deployments.http_sink_mailgun import MailgunApi
from deployments.http_sink_protocol import Taken
from models.rules.ids import new_id
from models.store.messages import PlannedMessage
from models.tables import Content
from tasks.providers.account import parse_account
from tasks.providers.vendors.mailgun import Mailgun
from tasks.runs.email_content import EmailComposer, MergeComposer

SUBJECT = "{{ first_name|default('You') }}, {% if plan == 'pro' %}pro{% else %}news{% endif %}"
HTML = (
    "<p>Hi <b>{{ first_name }}</b> {{ city|upper }}</p>\n"
    '<a href="https://x.example/?c={{ city|urlencode }}">50% off</a>'
)
TEXT = "Hi {{ first_name }},\n{% if plan %}{{ plan }} {{ first_name }}{% endif %}\n100%25 %id%\n"
AWKWARD = ["%recipient.v0%", "<b>&\"'", "Ąžuolas\n\r\n.x", "", "a,b;c", '{"x": 1}', "{{ city }}", "%unsubscribe%", "\\"]

values = st.fixed_dictionaries(
    {}, optional={key: st.sampled_from(AWKWARD) | st.text(max_size=30) for key in ("first_name", "plan", "city")}
)


def content(**changes) -> Content:
    fields = {
        "subject": SUBJECT,
        "html": HTML,
        "text": TEXT,
        "from_email": "news@example.com",
        "from_name": "Žinios, UAB",
    }
    return Content(
        id=new_id(), channel="email", reply_to="re@example.com", variables={"city": "Ryga"}, attachments=[],
        **{**fields, **changes},
    )  # fmt: skip


def planned(number: int, own: dict[str, str]) -> PlannedMessage:
    name = f"N{number}, x" if number % 2 else None
    return PlannedMessage(new_id(), number, f"user{number}@example.net", json.dumps(own), 0, 0.0, new_id(), name)


def given_to_mailgun(stored: Content, messages: list[PlannedMessage]) -> tuple[dict[str, dict[str, str]], int]:
    """What each recipient gets, and in how many calls."""
    vendor = Mailgun(parse_account("EXOSEND_EMAIL_URL", f"mailgun://{ACCOUNTS['mailgun']}@api.mailgun.net"))
    user, _, key = ACCOUNTS["mailgun"].partition(":")
    api = MailgunApi((user, key))
    api.kept = {}
    compose = MergeComposer(stored)
    calls = vendor.calls([compose(message) for message in messages])
    for call in calls:
        headers = {name.lower(): value for name, value in (*vendor.server.headers, *call.request.headers)}
        assert isinstance(api.handle(call.request.target, headers, call.request.body), Taken)
    return api.kept, len(calls)


def written_by_us(stored: Content, message: PlannedMessage) -> dict[str, str]:
    parsed = email.message_from_bytes(EmailComposer(stored)(message).content, policy=email.policy.SMTP)
    text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
    return {
        "subject": str(parsed["subject"]),
        "text": text.get_content().replace("\r\n", "\n").rstrip("\n") if text else "",
        "html": html.get_content().replace("\r\n", "\n").rstrip("\n") if html else "",
        "from": str(parsed["from"]),
        "to": str(parsed["to"]),
        "h:Reply-To": str(parsed["reply-to"]),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=6))
def test_a_batch_says_what_the_messages_of_ours_say(people):
    stored = content()
    messages = [planned(number, own) for number, own in enumerate(people)]
    got, _ = given_to_mailgun(stored, messages)
    for message in messages:
        theirs, ours = got[message.recipient], written_by_us(stored, message)
        assert theirs["v:exosend-id"] == str(message.id)
        for name in ("subject", "text", "html"):
            assert theirs[name].rstrip("\n") == ours[name], name
        for name in ("from", "to", "h:Reply-To"):
            assert _as_read(theirs[name]) == ours[name]


def _as_read(value: str) -> str:
    return str(email.message_from_string(f"To: {value}\n\n", policy=email.policy.SMTP)["to"])


@pytest.mark.parametrize("place", ["first_name", "city"])
def test_a_value_that_reads_like_a_place_goes_alone(place):
    messages = [planned(0, {place: "%recipient.v1%"}), planned(1, {place: "A"}), planned(2, {place: "B"})]
    got, calls = given_to_mailgun(content(), messages)
    assert calls == 2
    assert "%recipient.v1%".casefold() in got["user0@example.net"]["html"].casefold()


def test_a_content_that_has_such_a_text_is_never_a_batch():
    stored = content(html="<p>Write %recipient.name% to {{ first_name }}</p>")
    got, calls = given_to_mailgun(stored, [planned(number, {"first_name": "A"}) for number in range(3)])
    assert calls == 3
    assert got["user2@example.net"]["html"] == "<p>Write %recipient.name% to A</p>"

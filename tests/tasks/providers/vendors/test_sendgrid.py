"""SendGrid: what goes together in a call, and that each recipient gets their own values."""

from dataclasses import replace

import pytest

from deployments.http_sink import ACCOUNTS, APIS
from deployments.http_sink_protocol import Taken
from tasks.providers.base import OutcomeKind
from tests.support.email_vendors import mail, vendor_of

ACCEPTED, REJECTED, UNCERTAIN = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.UNCERTAIN


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.mark.parametrize("values", [("-x.0-", "{{ city }}"), ("<%asm%>", "[unsubscribe]"), ("a\nb", "Ąž \u2028")])
def test_sendgrid_puts_each_value_where_its_place_is(values):
    messages = [
        message._replace(merge=replace(message.merge, values=values, to="Anna, B; <" + message.recipient + ">"))
        for message in mail("sendgrid", 3)
    ]
    messages[0] = messages[0]._replace(merge=replace(messages[0].merge, to='"Anna, B;" <user0@example.net>'))
    messages = [messages[0], *mail("sendgrid", 5)[3:]]
    user, _, key = ACCOUNTS["sendgrid"].partition(":")
    api = APIS["sendgrid"]((user, key))
    api.kept = {}
    vendor = vendor_of("sendgrid")
    for call in vendor.calls(messages):
        headers = {name.lower(): value for name, value in vendor.server.headers}
        found = api.handle(call.request.target, headers, call.request.body)
        assert isinstance(found, Taken), found
    got = api.kept["user0@example.net"]
    assert (got["subject"], got["text/plain"], got["text/html"]) == (
        values[0],
        f"Hello {values[1]}",
        f"<p>{values[1]}</p>",
    )
    assert got["to"] == {"email": "user0@example.net", "name": "Anna B"}
    assert got["reply_to"] == {"email": "re@example.com"}
    assert got["custom_args"] == {"exosend-id": str(messages[0].id)}


def test_sendgrid_gives_nobody_two_in_a_call_nor_more_values_than_it_takes():
    vendor = vendor_of("sendgrid")
    twice = mail("sendgrid", ["a@example.net", "A@example.net", "b@example.net"])
    assert sorted(len(call.places) for call in vendor.calls(twice)) == [1, 2]
    long = [each._replace(merge=replace(each.merge, values=("S", "x" * 9000))) for each in mail("sendgrid", 2)]
    assert [len(call.places) for call in vendor.calls(long)] == [1, 1]
    assert [len(call.places) for call in vendor.calls(mail("sendgrid", 1001))] == [1000, 1]

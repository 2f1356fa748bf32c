"""Every vendor of email hands the headers by which people leave over, each recipient's own."""

import base64
import json
from typing import Any, cast

import pytest

from deployments.http_sink import ACCOUNTS
from models.rules.ids import new_id
from models.rules.link_tokens import LinkKeys, content_mark
from models.store.messages import PlannedMessage
from models.tables import Content
from tasks.content.tracking import Links
from tasks.providers.account import parse_account
from tasks.providers.base import OutgoingMessage
from tasks.providers.registry import _vendors
from tasks.runs.email_content import EmailComposer, MergeComposer

KEYS = LinkKeys([b"k" * 32])
LINKS = Links(KEYS, "https://mail.example")


def composed(*, merges: bool) -> tuple[list[OutgoingMessage], list[str]]:
    """Two messages, and the token of each one's farewell."""
    content = Content(
        id=new_id(), channel="email", subject="Hi", html="<p>Hi</p>", text="Hi", from_email="news@example.com",
        variables={}, attachments=[], tracking={"opens": True, "clicks": True, "unsubscribe": True, "host": None},
    )  # fmt: skip
    compose = MergeComposer(content, links=LINKS) if merges else EmailComposer(content, links=LINKS)
    planned = [PlannedMessage(new_id(), no, f"u{no}@example.net", None, 0, 0.0, content.id, None) for no in range(2)]
    tokens = [KEYS.message_links(each.id, content_mark(content.id)).unsubscribe for each in planned]
    return [compose(each) for each in planned], tokens


@pytest.mark.parametrize("name", ["mailgun", "postmark", "resend", "sendgrid", "ses"])
def test_each_recipient_has_a_link_of_their_own(name: str) -> None:
    module = _vendors("email")[name]
    account = parse_account("EXOSEND_EMAIL_URL", f"{name}://{ACCOUNTS[name]}@api.vendor.example")
    vendor = cast(Any, module.open_provider(account)).vendor
    for merges in {False, module.CAPABILITIES.merges}:
        messages, tokens = composed(merges=merges)
        said = b"\n".join(call.request.body for call in vendor.calls(messages))
        if name == "ses":
            said = b"".join(
                base64.b64decode(json.loads(call.request.body)["Content"]["Raw"]["Data"])
                for call in vendor.calls(messages)
            )
        assert b"List-Unsubscribe=One-Click" in said
        for token in tokens:
            assert token.encode() in said, (name, merges)
        assert said.count(b"<https://mail.example/u/") == (1 if merges and name == "mailgun" else 2)

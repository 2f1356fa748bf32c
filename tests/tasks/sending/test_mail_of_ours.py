"""One mail of a campaign as a mail server gets it: everything that a receiver looks at, in one place."""

import base64
import re
from collections.abc import Callable
from email import policy
from email.parser import BytesParser
from pathlib import Path

import dkim
from sqlalchemy import text

from models.link_keys import link_keys
from models.rules.link_tokens import LinkKind
from models.tables import EmailDomain
from tasks.domains.keys import with_key
from tests.support.engine import DOMAIN, Engine
from tests.support.processes import mail_server

HTML = '<h1>Hi {{ first_name }}</h1><a href="https://shop.example/">Shop</a> <a href="{{ unsubscribe_url }}">Leave</a>'
# RFC 5322, section 3.6: required, or at most once. The others are ours, each once.
ONCE = ("Date", "From", "To", "Subject", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "List-Unsubscribe",
        "List-Unsubscribe-Post", "DKIM-Signature")  # fmt: skip


def test_a_mail_of_a_campaign_is_what_receivers_ask_for(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine(people=["anna", "ben"])
    with engine.database.transaction(None) as session:
        domain = with_key(session, session.query(EmailDomain).one(), engine.settings)
        published = f"v=DKIM1; k=rsa; p={domain.dkim_public_key}".encode()
    with mail_server(tmp_path, "--keep", str(tmp_path / "kept")) as server:
        engine.settings = engine.settings.with_values(
            smtp_url=f"{server.url}&dkim=on", public_url="https://mail.example"
        )
        engine.send(engine.planned(html_content=HTML, text_content=None, reply_to="re@acme.example.com"))
    kept = [path.read_bytes() for path in sorted((tmp_path / "kept").glob("*.eml"))]
    assert len(kept) == 2
    with engine.database.transaction(None) as session:
        ids = {str(row.id) for row in session.execute(text("SELECT id FROM messages"))}
    for content in kept:
        assert dkim.verify(content, dnsfunc=lambda name, timeout=5: published)
        message = BytesParser(policy=policy.SMTP).parsebytes(content)
        assert [len(message.get_all(name, [])) for name in ONCE] == [1] * len(ONCE)
        assert [part.defects for part in message.walk()] == [[]] * 3
        assert re.search(rf"d={re.escape(DOMAIN)}; s=exosend;", message["DKIM-Signature"])
        listed = re.sub(r"\s", "", message["DKIM-Signature"].split("h=")[1].split(";")[0]).split(":")
        assert {"List-Unsubscribe", "List-Unsubscribe-Post", "From"} <= set(listed)
        # RFC 8058, section 3.1
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        url = re.fullmatch(r"<(https://mail\.example/u/(\S+))>", message["List-Unsubscribe"])
        assert url is not None
        farewell = link_keys(engine.settings).read(LinkKind.UNSUBSCRIBE, url[2])
        assert farewell is not None
        assert str(farewell.message_id) == message["Message-ID"].strip("<>").partition("@")[0]
        assert str(farewell.message_id) in ids
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        plain, html = (part.get_content() for part in message.iter_parts())
        assert "https://shop.example/" in plain  # texts lead where they say
        assert url[1] in plain
        assert f'href="{url[1]}"' in html
        [click] = re.findall(r'href="https://mail\.example/t/c/([^"]+)"', html)
        followed = link_keys(engine.settings).read(LinkKind.CLICK, click)
        assert followed is not None
        assert followed.url == "https://shop.example/"
        assert html.count("https://mail.example/t/o/") == 1
        assert max(map(len, content.split(b"\r\n"))) <= 998
        assert base64.b64decode(message["DKIM-Signature"].rpartition("b=")[2].replace(" ", ""))

"""What the sandbox reports of what it took."""

import pytest

from models.rules.reports import Report
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.sandbox_reports import DEFAULT_LINK, USER_AGENTS

HTML = b"""MIME-Version: 1.0\r
Content-Type: text/html; charset="utf-8"\r
Content-Transfer-Encoding: quoted-printable\r
\r
<p><a href=3D"mailto:a@b.c">m</a> <a class=3D"x" href=3D"https://acme.example.com/?a=3D1&amp;b=3D2">Buy</a></p>\r
"""


def _reports(make_messages, run_in, recipient: str, content: bytes | None = None) -> tuple[Report, ...]:
    [message] = make_messages([recipient])
    if content is not None:
        message = type(message)(message.id, message.sender, message.recipient, content)
    [outcome] = run_in(SandboxProvider().send([message]))
    return outcome.reports


@pytest.mark.parametrize(
    ("recipient", "kinds"),
    [
        ("anybody@example.com", "delivered"),
        ("slow+1@example.com", "delivered"),
        ("bounce@example.com", "bounced"),
        ("softbounce+3@example.com", "bounced"),
        ("open+17@example.com", "delivered opened"),
        ("CLICK@example.com", "delivered opened clicked"),
        ("proxyopen@example.com", "delivered opened"),
        ("complain@example.com", "delivered complained"),
        ("unsubscribe@example.com", "delivered opened unsubscribed"),
        ("lostanswer@example.com", "delivered"),
        ("silent@example.com", ""),
        ("reject@example.com", ""),
        ("defer@example.com", ""),
        ("uncertain@example.com", ""),
        ("+37061234567", "delivered"),
        ("+12025550157", "failed"),
        ("+12025550158", "expired"),
        ("+12025550159", ""),
        ("+12025550160", "delivered unsubscribed"),
    ],
)
def test_the_recipient_decides_what_is_reported(make_messages, run_in, recipient, kinds) -> None:
    reports = _reports(make_messages, run_in, recipient)
    assert [report.kind.value for report in reports] == kinds.split()
    assert [report.after_seconds for report in reports] == sorted(report.after_seconds for report in reports)
    assert all(0 < report.after_seconds < 2 for report in reports)


def test_a_bounce_says_how_hard_it_is(make_messages, run_in) -> None:
    kinds = {name: _reports(make_messages, run_in, f"{name}@x.com")[0].payload for name in ("bounce", "softbounce")}
    assert {name: payload["bounce_type"] for name, payload in kinds.items()} == {"bounce": "hard", "softbounce": "soft"}


def test_the_first_link_of_the_content_is_clicked(make_messages, run_in) -> None:
    assert _reports(make_messages, run_in, "click@x.com", HTML)[2].payload["url"] == "https://acme.example.com/?a=1&b=2"
    assert _reports(make_messages, run_in, "click@x.com", b"Subject: x\r\n\r\nText")[2].payload["url"] == DEFAULT_LINK


def test_recipients_read_in_different_clients_and_always_in_the_same(make_messages, run_in) -> None:
    agents = [_reports(make_messages, run_in, f"open+{no}@x.com")[1].payload["user_agent"] for no in range(60)]
    assert set(agents) == set(USER_AGENTS)
    assert agents == [_reports(make_messages, run_in, f"open+{no}@x.com")[1].payload["user_agent"] for no in range(60)]

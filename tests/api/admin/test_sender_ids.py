"""Both stages of a sender ID's approval, decided in the panel."""

from uuid import uuid4

import pytest

from tests.support.panel import notice, problems

_PATH = "/admin/sender-ids"


@pytest.fixture
def asked(acme) -> str:
    return str(acme.created("/sender-ids", {"sender_id": "EXOCLASS"})["id"])


def _decide(person, id_: str, decision: str, status: str = "all", **values: str):
    return person.submit(f"{_PATH}?status={status}", f"{_PATH}/{id_}/{decision}", **values)


def _row(acme) -> dict:
    return acme.get("/sender-ids?status=all").get_json()["data"][0]


def test_first_the_administrator_then_the_provider(rita, acme, asked) -> None:
    assert "EXOCLASS" in rita.get(_PATH).text, "what waits is what is shown first"
    assert notice(rita.page(_decide(rita, asked, "approve").location)).startswith("EXOCLASS was approved.")
    assert (_row(acme)["admin_status"], _row(acme)["is_verified"]) == ("approved", False)
    assert "EXOCLASS" not in rita.get(_PATH).text
    assert notice(rita.page(_decide(rita, asked, "verify").location)) == "EXOCLASS was verified and can be used."
    assert _row(acme)["is_verified"] is True
    log = rita.get("/admin/audit-log?actor=rita%40example.com").text
    assert "sender_id.approved" in log
    assert "sender_id.verified" in log


def test_a_rejection_has_a_reason_that_the_organization_reads(rita, olga, acme, asked) -> None:
    answer = _decide(rita, asked, "reject", reason=" ")
    assert answer.status_code == 422
    assert "The reason field is required." in answer.text
    assert _decide(rita, asked, "reject", reason="Not <yours>").status_code == 303
    assert _row(acme)["rejection_reason"] == "Not <yours>"
    assert "Not &lt;yours&gt;" in olga.get(_PATH).text
    assert _decide(rita, asked, "approve").status_code == 303


def test_what_was_decided_meanwhile_is_said(rita, asked) -> None:
    form = rita.form(_PATH, f"{_PATH}/{asked}/reject")
    _decide(rita, asked, "approve")
    _decide(rita, asked, "verify")
    answer = rita.send(f"{_PATH}/{asked}/reject", form | {"reason": "Late"})
    assert answer.status_code == 409
    assert "cannot be rejected" in answer.text


def test_a_double_click_decides_once(rita, asked) -> None:
    form = rita.form(_PATH, f"{_PATH}/{asked}/approve")
    answers = [rita.send(f"{_PATH}/{asked}/approve", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert rita.get("/admin/audit-log?action=sender_id.approved").text.count('<td data-label="Action">') == 1


def test_one_that_is_not_there_is_not_found(rita, asked) -> None:
    form = rita.form(_PATH, f"{_PATH}/{asked}/approve")
    for id_ in (uuid4(), "none"):
        assert rita.send(f"{_PATH}/{id_}/approve", form).status_code == 404
    assert problems(rita.get(_PATH)) == []


def test_an_organization_sees_its_own_and_decides_nothing(olga, gus, asked, rita) -> None:
    page = olga.page(_PATH)
    assert "EXOCLASS" in page.text_content()
    assert [form.action for form in page.forms] == ["/admin/logout"]
    assert "EXOCLASS" not in gus.get(_PATH + "?status=all").text
    form = rita.form(_PATH, f"{_PATH}/{asked}/approve") | olga.form("/admin/tokens", "/admin/tokens")
    assert olga.send(f"{_PATH}/{asked}/approve", form).status_code == 403

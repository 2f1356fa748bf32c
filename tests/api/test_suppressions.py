"""Suppressions over HTTP."""

from urllib.parse import quote

import pytest
from sqlalchemy import text

FIELDS = {"id", "email", "reason", "details", "created_at"}


def test_an_address_is_suppressed_once(acme) -> None:
    first = acme.post("/suppressions", {"email": "A@example.com", "details": "ticket 7"})
    assert first.status_code == 201
    assert first.get_json()["message"] == "Email suppressed."
    data = first.get_json()["data"]
    assert set(data) == FIELDS
    assert (data["email"], data["reason"], data["details"]) == ("a@example.com", "manual", "ticket 7")
    again = acme.post("/suppressions", {"email": "a@EXAMPLE.com", "reason": "complaint"})
    assert (again.status_code, again.get_json()["data"]) == (200, data)


def test_a_soft_bounce_that_somebody_suppresses_stays(acme, engine) -> None:
    first = acme.created("/suppressions", {"email": "a@example.com", "reason": "soft_bounce"})
    with engine.transaction(None) as session:
        session.execute(text("UPDATE suppressions SET expires_at = now() + interval '1 day'"))
    again = acme.post("/suppressions", {"email": "a@example.com"})
    assert again.status_code == 200
    assert (again.get_json()["data"]["id"], again.get_json()["data"]["reason"]) == (first["id"], "manual")
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT expires_at FROM suppressions")).scalar_one() is None


def test_one_that_has_ended_is_as_if_it_were_not_there(acme, engine) -> None:
    acme.created("/suppressions", {"email": "a@example.com", "reason": "soft_bounce"})
    with engine.transaction(None) as session:
        session.execute(text("UPDATE suppressions SET expires_at = now() - interval '1 second'"))
    assert acme.get("/suppressions").get_json()["data"]["data"] == []
    assert acme.get("/suppressions/check/a@example.com").get_json()["data"]["is_suppressed"] is False
    assert acme.post("/suppressions", {"email": "a@example.com"}).status_code == 201
    assert acme.get("/suppressions/check/a@example.com").get_json()["data"]["is_suppressed"] is True


@pytest.mark.parametrize(
    ("body", "field"), [({}, "email"), ({"email": "x"}, "email"), ({"email": "a@example.com", "reason": "x"}, "reason")]
)
def test_what_is_wrong_with_a_suppression_is_named(acme, body, field) -> None:
    answer = acme.post("/suppressions", body)
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {field}


@pytest.mark.parametrize("email", ["a+tag@example.com", "o'neil@example.com", "a/b@example.com", "ä@example.com"])
def test_an_address_in_a_path_is_url_encoded_and_plus_is_a_plus(acme, email) -> None:
    acme.created("/suppressions", {"email": email})
    for written in (quote(email, safe=""), quote(email, safe="+@")):
        answer = acme.get(f"/suppressions/check/{written}").get_json()
        assert answer["data"] == {"email": email, "is_suppressed": True}
    answer = acme.delete(f"/suppressions/{quote(email, safe='')}")
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Email unsuppressed.")
    assert acme.delete(f"/suppressions/{quote(email, safe='')}").status_code == 404
    assert acme.get(f"/suppressions/check/{quote(email, safe='')}").get_json()["data"]["is_suppressed"] is False


def test_no_text_in_a_path_breaks_the_answer(acme) -> None:
    assert acme.delete("/suppressions/%00").status_code == 404
    assert acme.get("/suppressions/check/%ff").status_code == 200


def test_the_list_is_filtered_by_reason(acme) -> None:
    for n, reason in enumerate(("manual", "complaint")):
        acme.created("/suppressions", {"email": f"c{n}@example.com", "reason": reason})
    answer = acme.get("/suppressions?reason=complaint").get_json()["data"]
    assert [each["email"] for each in answer["data"]] == ["c1@example.com"]
    assert acme.get("/suppressions?reason=x").status_code == 422


def test_another_organizations_suppression_is_not_seen(acme, globex) -> None:
    acme.created("/suppressions", {"email": "a@example.com"})
    assert globex.get("/suppressions").get_json()["data"]["data"] == []
    assert globex.get("/suppressions/check/a@example.com").get_json()["data"]["is_suppressed"] is False
    assert globex.delete("/suppressions/a@example.com").status_code == 404
    assert acme.get("/suppressions/check/a@example.com").get_json()["data"]["is_suppressed"] is True


@pytest.mark.parametrize(
    ("opted_out", "written"),
    [
        ("User@bücher.de", "user@xn--bcher-kva.de"),
        ("user@XN--bcher-kva.de", "USER@Bücher.de"),
        ("jose\u0301@example.org", "jos\u00e9@example.org"),
        ("x@\uff45xample.org", "x@example.org"),
    ],
)
def test_who_opted_out_gets_nothing_under_another_form_of_the_address(funded, opted_out, written) -> None:
    assert funded.post("/suppressions", {"email": opted_out}).status_code == 201
    email = {"to_email": written, "subject": "S", "text_content": "T"}
    assert list(funded.post("/emails/send", email).get_json()["errors"]) == ["to_email"]
    batch = funded.post("/emails/send-batch", {"emails": [email]})
    assert batch.get_json()["data"]["total_cost"] == 0
    assert funded.get(f"/suppressions/check/{quote(written)}").get_json()["data"]["is_suppressed"] is True

"""Sender IDs over HTTP."""

from uuid import UUID, uuid4

import pytest

from models.store import sender_ids

FIELDS = {
    "id", "sender_id", "admin_status", "provider_status", "is_verified", "is_default", "rejection_reason",
    "message_count", "created_at", "approved_at", "verified_at",
}  # fmt: skip


@pytest.fixture
def verified(acme, engine) -> list[str]:
    """The ids of two verified sender IDs; the first is the default."""
    with engine.transaction(None) as session:
        rows = [sender_ids.add_verified_sender_id(session, acme.organization_id, name) for name in ("EXOSMS", "Shop")]
        return [str(row.id) for row in rows]


@pytest.fixture
def asked(acme) -> dict:
    return acme.created("/sender-ids", {"sender_id": "EXOCLASS"})


def _decide(engine, decision, sender: dict, **options) -> None:
    with engine.transaction(None) as session:
        decision(session, UUID(sender["id"]), actor="operator", **options)


def _listed(client, status: str | None = None) -> list[dict]:
    answer = client.get("/sender-ids" + (f"?status={status}" if status else ""))
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]


def _read(client, sender: dict) -> dict:
    return next(each for each in _listed(client, "all") if each["id"] == sender["id"])


def _default(client, id_: str):
    return client.call("PATCH", f"/sender-ids/{id_}/default")


def test_a_sender_id_has_the_same_fields_everywhere(acme, verified, asked) -> None:
    answers = [asked, *_listed(acme, "all"), _default(acme, verified[1]).get_json()["data"]]
    assert all(set(answer) == FIELDS for answer in answers)


def test_it_is_asked_for_and_waits_for_both_stages(acme) -> None:
    answer = acme.post("/sender-ids", {"sender_id": " EXOCLASS "})
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["message"] == "Sender ID request submitted. Awaiting approval from administrator."
    sender = body["data"]
    assert (sender["sender_id"], sender["admin_status"], sender["provider_status"]) == (
        "EXOCLASS",
        "pending",
        "pending",
    )
    assert (sender["is_verified"], sender["is_default"], sender["message_count"]) == (False, False, 0)
    assert sender["rejection_reason"] is sender["approved_at"] is sender["verified_at"] is None
    assert _listed(acme) == []


@pytest.mark.parametrize("value", ["AB", "ABCDEFGHIJKL", "...", "Ąžuolas", "+370", "1" * 16, "x" * 60, 12345, ["ABC"]])
def test_what_is_no_sender_id_is_refused(acme, value) -> None:
    answer = acme.post("/sender-ids", {"sender_id": value})
    assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"sender_id"})


@pytest.mark.parametrize("body", [{}, {"sender_id": None}, {"sender_id": "  "}])
def test_a_sender_id_is_required(acme, body) -> None:
    answer = acme.post("/sender-ids", body)
    assert (answer.status_code, answer.get_json()["message"]) == (422, "The sender_id field is required.")


def test_it_is_unique_in_the_organization(acme, globex, asked) -> None:
    answer = acme.post("/sender-ids", {"sender_id": "EXOCLASS"})
    taken = {"sender_id": ["The sender_id has already been taken."]}
    assert (answer.status_code, answer.get_json()["errors"]) == (422, taken)
    globex.created("/sender-ids", {"sender_id": "EXOCLASS"})
    number = acme.created("/sender-ids", {"sender_id": "+370 612 34567"})
    assert number["sender_id"] == "+37061234567"
    assert acme.post("/sender-ids", {"sender_id": "+37061234567"}).status_code == 422


def test_both_stages_make_it_verified(acme, engine, asked) -> None:
    _decide(engine, sender_ids.approve, asked)
    approved = _read(acme, asked)
    assert (approved["admin_status"], approved["provider_status"], approved["is_verified"]) == (
        "approved",
        "pending",
        False,
    )
    assert approved["approved_at"]
    assert approved["verified_at"] is None
    assert _listed(acme) == []
    _decide(engine, sender_ids.verify, asked)
    assert [each["id"] for each in _listed(acme)] == [asked["id"]]
    verified = _read(acme, asked)
    assert (verified["provider_status"], verified["is_verified"], verified["is_default"]) == ("verified", True, False)
    assert verified["verified_at"]


def test_a_refusal_has_a_reason_and_a_second_look_takes_it_away(acme, engine, asked) -> None:
    _decide(engine, sender_ids.reject, asked, reason="Not your trademark")
    rejected = _read(acme, asked)
    assert (rejected["admin_status"], rejected["rejection_reason"]) == ("rejected", "Not your trademark")
    _decide(engine, sender_ids.approve, asked)
    _decide(engine, sender_ids.reject, asked, reason="Operators refuse it")
    rejected = _read(acme, asked)
    assert (rejected["admin_status"], rejected["provider_status"]) == ("approved", "rejected")
    assert rejected["rejection_reason"] == "Operators refuse it"
    _decide(engine, sender_ids.verify, asked)
    assert _read(acme, asked)["rejection_reason"] is None


def test_each_filter_shows_what_its_name_says(acme, engine, verified, asked) -> None:
    names = {"approved": "Approved", "rejected": "Refused", "refused late": "Late"}
    made = {kind: acme.created("/sender-ids", {"sender_id": name}) for kind, name in names.items()}
    _decide(engine, sender_ids.approve, made["approved"])
    _decide(engine, sender_ids.reject, made["rejected"], reason="No")
    _decide(engine, sender_ids.approve, made["refused late"])
    _decide(engine, sender_ids.reject, made["refused late"], reason="No")
    shown = {
        status: [each["sender_id"] for each in _listed(acme, status)]
        for status in ("verified", "pending", "approved", "rejected")
    }
    assert shown == {
        "verified": ["Shop", "EXOSMS"],
        "pending": ["EXOCLASS"],
        "approved": ["Approved", "Shop", "EXOSMS"],
        "rejected": ["Late", "Refused"],
    }
    assert len(_listed(acme, "all")) == 6
    assert _listed(acme) == _listed(acme, "verified")
    answer = acme.get("/sender-ids?status=unknown")
    assert (answer.status_code, answer.get_json()["errors"]) == (422, {"status": ["The selected status is invalid."]})


def test_there_is_one_default(acme, verified) -> None:
    for id_ in (verified[1], verified[1], verified[0]):
        answer = _default(acme, id_)
        assert (answer.status_code, answer.get_json()["message"]) == (200, "Sender ID set as default")
        assert answer.get_json()["data"]["is_default"] is True
        assert [each["id"] for each in _listed(acme, "all") if each["is_default"]] == [id_]


def test_only_a_verified_one_can_be_the_default(acme, engine, asked) -> None:
    for status in ("pending", "approved"):
        answer = _default(acme, asked["id"])
        assert answer.status_code == 409
        assert answer.get_json() == {
            "success": False,
            "message": "Only verified sender IDs can be set as default.",
            "error": {"code": "not_verified", "current_status": status},
        }
        if status == "pending":
            _decide(engine, sender_ids.approve, asked)


def test_the_default_and_a_used_one_are_not_deleted(acme, engine, verified) -> None:
    answer = acme.delete(f"/sender-ids/{verified[0]}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "is_default")
    with engine.transaction(acme.organization_id) as session:
        sender_ids.count_messages(session, acme.organization_id, UUID(verified[1]), 3)
    answer = acme.delete(f"/sender-ids/{verified[1]}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "has_messages")
    assert [each["message_count"] for each in _listed(acme)] == [3, 0]


def test_another_one_is_deleted(acme, verified, asked) -> None:
    for id_ in (asked["id"], verified[1]):
        answer = acme.delete(f"/sender-ids/{id_}")
        assert (answer.status_code, answer.get_json()) == (
            200,
            {"success": True, "data": None, "message": "Sender ID deleted successfully"},
        )
        assert acme.delete(f"/sender-ids/{id_}").status_code == 404
    assert [each["id"] for each in _listed(acme, "all")] == [verified[0]]


def test_another_organizations_sender_id_is_not_found(acme, globex, verified) -> None:
    for id_ in (verified[1], str(uuid4()), "not-a-uuid"):
        assert _default(globex, id_).status_code == 404
        assert globex.delete(f"/sender-ids/{id_}").status_code == 404
    assert _listed(globex, "all") == []
    assert len(_listed(acme)) == 2


def test_a_protected_name_is_refused_with_the_name_that_it_reads_like(acme) -> None:
    answer = acme.post("/sender-ids", {"sender_id": "PAYPA1 Info"})
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        {"sender_id": ["The sender_id is, or reads like, PayPal, which is protected: ask an administrator."]},
    )

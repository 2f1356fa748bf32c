"""Every documented example that is served: the documented request gets an answer of the documented shape."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from api.blueprints import contact_imports
from models.rules.ids import new_id
from models.store.organizations import add_verified_domain, top_up
from models.store.sender_ids import add_verified_sender_id
from tasks.runs.importing import run_import
from tests.support.forms import EMAIL, email_form, encoded

EXAMPLES = json.loads((Path(__file__).parents[2] / "docs" / "api" / "endpoints.json").read_text())
GROUPS = {"Email templates", "Email campaigns", "Contacts", "Contact lists"}
GROUPS |= {"Email domains", "Suppressions", "Account", "Sender IDs", "SMS", "SMS campaigns", "Analytics"}
GROUPS |= {"Emails"}
SERVED = [example for example in EXAMPLES if example["group"] in GROUPS]
STATUS_BEFORE = {"pause": "sending", "resume": "paused", "cancel": "sending"}
ONLY_EMAIL = {"subject", "from_email", "from_name", "total_opened", "total_clicked", "total_bounced"}
ONLY_EMAIL |= {"open_rate", "click_rate", "bounce_rate"}


def _name(example: dict[str, Any]) -> str:
    return f"{example['method']} {example['path'].removeprefix('/api/v1')}"


def _same_shape(documented: Any, actual: Any, place: str = "") -> None:
    """The answer has every documented key, with a value of the documented kind; null only where there is one."""
    if isinstance(documented, dict):
        assert isinstance(actual, dict), place
        if place.endswith("custom_fields"):
            return
        assert documented.keys() <= actual.keys(), (place, documented.keys() - actual.keys())
        for key, value in documented.items():
            _same_shape(value, actual[key], f"{place}.{key}")
    elif isinstance(documented, list):
        assert isinstance(actual, list), place
        for item in actual:
            _same_shape(documented[0] if documented else item, item, f"{place}[]")
    elif isinstance(documented, bool):
        assert isinstance(actual, bool), place
    elif isinstance(documented, int | float):
        assert isinstance(actual, int | float), place
    elif isinstance(documented, str) and actual is not None:
        assert isinstance(actual, str), place


@pytest.fixture
def world(acme, engine, monkeypatch, settings) -> dict[str, str]:
    """One of each thing that a path or a body may name."""

    def start_import(_settings: object, _deployment: str, parameters: Any, **_options: Any) -> None:
        run_import(engine, parameters.import_id, settings)

    monkeypatch.setattr(contact_imports, "start_flow", start_import)
    with engine.transaction(None) as session:
        domain = add_verified_domain(session, acme.organization_id, "example.com")
        senders = [add_verified_sender_id(session, acme.organization_id, name) for name in ("EXOSMS", "Shop")]
        top_up(session, acme.organization_id, 100, reference="t")  # type: ignore[arg-type]
    source = {
        "name": "T",
        "slug": "t",
        "subject_template": "S",
        "html_content": "<p>x</p>",
        "variables": ["first_name"],
    }
    made = {
        "template": acme.created("/email-templates", source)["id"],
        "contact": acme.created("/contacts", {"email": "c@example.com", "phone": "+37120000001"})["id"],
        "list": acme.created("/contact-lists", {"name": "L"})["id"],
        "suppression": acme.created("/suppressions", {"email": "s@example.com"})["id"],
        "domain": str(domain.id),
        "sender": str(senders[1].id),
        "sms": acme.post("/sms/send", {"recipient": "+37061234567", "message": "x"}).get_json()["data"]["message_id"],
    }
    acme.post(f"/contact-lists/{made['list']}/contacts", {"contact_ids": [made["contact"]]})
    body = {"name": "C", "subject": "S", "html_content": "<p>x</p>", "target_list_ids": [made["list"]]}
    made["email"] = acme.post("/emails/send", EMAIL).get_json()["data"]["id"]
    made["batch"] = acme.post("/emails/send-batch", {"emails": [EMAIL]}).get_json()["data"]["batch_id"]
    made["campaign"] = acme.created("/campaigns", body)["id"]
    body = {"name": "C", "message_content": "Hi", "target_list_ids": [made["list"]]}
    return {**made, "sms_campaign": acme.created("/sms/campaigns", body)["id"]}


def _path(example: dict[str, Any], world: dict[str, str]) -> str:
    owner = {
        "Email templates": "template",
        "Email campaigns": "campaign",
        "SMS campaigns": "sms_campaign",
        "Email domains": "domain",
        "Contacts": "contact",
        "Contact lists": "list",
        "Sender IDs": "sender",
        "Emails": "batch" if "/batch/" in example["path"] else "email",
        "Analytics": "email" if "/emails/" in example["path"] else "campaign",
        "SMS": "sms",
    }
    path = example["path"].removeprefix("/api/v1").replace("{contact_id}", world["contact"])
    path = path.replace("{email}", "s@example.com").replace("{id}", world[owner.get(example["group"], "contact")])
    return f"{path}?{example['query_example']}" if example.get("query_example") else path


def _body(example: dict[str, Any], world: dict[str, str]) -> Any:
    """The documented request, with ids and hours that are there."""
    body = dict(example.get("request_json") or {})
    real = {
        "email_template_id": world["template"],
        "email_domain_id": world["domain"],
        "target_list_ids": [world["list"]],
        "contact_ids": [world["contact"]],
        "manual_phones": ["+36201234567"],
        "sender_id_id": world["sender"],
        "scheduled_at": "2030-03-04T23:25:31",
        **({"sender_id": "EXOSMS"} if example["group"] == "SMS" else {}),
    }
    return {name: real.get(name, value) for name, value in body.items()} or None


def _call(acme, example: dict[str, Any], world: dict[str, str]):
    if example["group"] == "Emails" and example["method"] == "POST":
        return acme.post(_path(example, world), **encoded(email_form(example, world)))
    if example.get("request_multipart"):
        file = FileStorage(io.BytesIO(b"email,first_name\nx@example.com,X\nbad,Y\n"), "contacts.csv")
        boundary, data = encode_multipart({"list_id": world["list"], "file": file})
        kind = f"multipart/form-data; boundary={boundary}"
        return acme.post(_path(example, world), data=data, content_type=kind)
    return acme.call(example["method"], _path(example, world), _body(example, world))


def _of_email(example: dict[str, Any]) -> dict[str, Any]:
    """The documented answer of the same request about email, without what an SMS has not."""
    asked = (example["method"], example["path"].replace("/sms/", "/"))
    [answer] = [each["response_example"] for each in EXAMPLES if (each["method"], each["path"]) == asked]

    def trimmed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: trimmed(below) for key, below in value.items() if key not in ONLY_EMAIL}
        return [trimmed(item) for item in value] if isinstance(value, list) else value

    trimmed_answer: dict[str, Any] = trimmed(answer)
    return trimmed_answer


def _bring_to(engine, campaign_id: str, status: str) -> None:
    """The campaign in another state, with a run as far."""
    values = {"campaign": campaign_id, "run": new_id(), "status": status}
    with engine.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO runs (id, organization_id, kind, state, campaign_id, started_by)
                SELECT :run, organization_id, 'campaign', :status, id, 'api' FROM campaigns WHERE id = :campaign
            """),
            values,
        )
        session.execute(text("UPDATE campaigns SET status = :status, run_id = :run WHERE id = :campaign"), values)


@pytest.mark.parametrize("example", SERVED, ids=_name)
def test_a_documented_request_gets_the_documented_answer(acme, engine, world, example) -> None:
    before = STATUS_BEFORE.get(example["path"].rsplit("/", 1)[1])
    if before:
        _bring_to(engine, world["sms_campaign" if example["group"] == "SMS campaigns" else "campaign"], before)
    answer = _call(acme, example, world)
    documented = example["response_example"] or _of_email(example)
    message = documented.get("message", "")
    ends = (" created.", " duplicated.", " suppressed.", " from administrator.")
    accepts = message.endswith((" queued.", "queued for sending", "queued for sending."))
    creates = message.startswith("Domain added.") or message.endswith(ends)
    status = 202 if accepts else 201 if creates else 200
    assert answer.status_code == status, answer.text
    _same_shape(documented, answer.get_json())
    assert answer.get_json().keys() == documented.keys()
    assert answer.get_json().get("message") == documented.get("message")


def test_every_documented_endpoint_of_these_groups_is_there(app: Flask) -> None:
    served = {
        (method, rule.rule.replace("<id:", "{").replace("<path:", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    names = ("template_id", "campaign_id", "list_id", "domain_id", "sender_id_id")
    names += ("email_id", "batch_id")
    general = {(method, _general(rule, names)) for method, rule in served}
    missing = {(example["method"], example["path"]) for example in SERVED} - general
    assert not missing


def _general(rule: str, names: tuple[str, ...]) -> str:
    for name in names:
        rule = rule.replace(f"{{{name}}}", "{id}")
    return rule.replace("{contact_id}", "{id}") if rule.startswith("/api/v1/contacts/") else rule

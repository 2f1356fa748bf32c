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
GROUPS |= {"Email domains", "Suppressions", "Account", "Sender IDs", "SMS campaigns"}
GROUPS |= {"Emails"}
SERVED = [example for example in EXAMPLES if example["group"] in GROUPS]
STATUS_BEFORE = {"pause": "sending", "resume": "paused", "cancel": "sending"}
ONLYdef _call(acme, example: dict[str, Any], world: dict[str, str]):
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
        _bring_to(engine, world["sms" if example["group"] == "SMS campaigns" else "campaign"], before)
    answer = _call(acme, example, world)
    documented = example["response_example"] or _of_email(example)
    message = documented.get("message", "")
    ends = (" created.", " duplicated.", " suppressed.", " from administrator.")
    accepts = message.endswith((" queued.", " queued for sending."))
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

"""What SMS vendors send back: every event reads as it was, and nothing does that is forged, stale or cut."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import orjson
import pytest

from deployments.http_sink import CALLBACK_KEYS, CALLBACKS
from models.rules.reports import ReportKind
from tasks.providers.callbacks import (
    Callback,
    ForgedCallback,
    InboundSms,
    ProviderEvent,
    StaleCallback,
    UnreadableCallback,
)
from tasks.providers.json_web_token import signed_hs256
from tasks.providers.vendors import infobip, twilio, vonage

AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
OURS = UUID("01932f2b-0000-7000-8000-000000000001")
URL = "https://exosend.example/webhooks/{}/default"
READ = {"infobip": infobip.read_callback, "twilio": twilio.read_callback, "vonage": vonage.read_callback}
VENDORS = sorted(READ)


def event(kind=ReportKind.DELIVERED, number=1, **values) -> ProviderEvent:
    return ProviderEvent("", kind, AT, OURS, f"SM{number:032x}", "+37120000001", **values)


INBOUND = InboundSms("SM9", AT, "+37120000009", "+37120000000", "STOP & go + 👋")


def callbacks(vendor: str, *events: ProviderEvent | InboundSms, key: str | None = None) -> list[Callback]:
    key = key or CALLBACK_KEYS[vendor]
    return CALLBACKS[vendor](events, url=URL.format(vendor), key=key, at=AT)


def read(vendor: str, *events: ProviderEvent | InboundSms):
    found = [READ[vendor](each, [CALLBACK_KEYS[vendor]]) for each in callbacks(vendor, *events)]
    return [told for each in found for told in each]


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_event_reads_as_it_was_with_a_key_of_its_own(vendor):
    failed = event(ReportKind.FAILED, 2, payload={"code": "1260", "reason": "Away"})
    said = [event(), failed, event(number=3), INBOUND, event(ReportKind.EXPIRED, 4)]
    told = read(vendor, *said)
    assert len({each.key for each in told}) == len(said)
    assert [replace(each, key="") for each in told if isinstance(each, ProviderEvent)][::2] == [
        event(),
        event(number=3),
    ]
    assert told[1].kind is ReportKind.FAILED
    assert told[1].payload["code"] == "1260"
    assert told[3] == INBOUND
    assert told[4].kind is (ReportKind.FAILED if vendor == "vonage" else ReportKind.EXPIRED)
    assert read(vendor, *said) == told


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_has_no_id_of_ours_has_the_reference(vendor):
    [told] = read(vendor, replace(event(), message_id=None))
    assert (told.message_id, told.provider_ref) == (None, event().provider_ref)


@pytest.mark.parametrize("vendor", VENDORS)
def test_either_of_two_keys_fits(vendor):
    [callback] = callbacks(vendor, event(), key="new:one")
    assert READ[vendor](callback, ["old:one", "new:one"])
    with pytest.raises(ForgedCallback):
        READ[vendor](callback, ["old:one", "other:one"])
    with pytest.raises(ForgedCallback):
        READ[vendor](callback, [])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_request_without_signature_is_forged(vendor):
    [callback] = callbacks(vendor, event())
    for headers in ({}, {"authorization": "Bearer x.y.z"}, {"authorization": "Basic é"}, {"x-twilio-signature": "é"}):
        with pytest.raises(ForgedCallback):
            READ[vendor](replace(callback, headers=headers), [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("vendor", ["twilio", "vonage"])
def test_a_body_that_was_changed_is_forged(vendor):
    [callback] = callbacks(vendor, event())
    for body in (callback.body.replace(b"delivered", b"undelivered"), callback.body + b"&a=b", b"", b"\xff"):
        with pytest.raises(ForgedCallback):
            READ[vendor](replace(callback, body=body), [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("seconds", [-301, 301])
def test_vonage_signs_the_time(seconds):
    [callback] = callbacks("vonage", event())
    late = replace(callback, received_at=AT + timedelta(seconds=seconds))
    with pytest.raises(StaleCallback):
        vonage.read_callback(late, [CALLBACK_KEYS["vonage"]])
    near = replace(callback, received_at=AT + timedelta(seconds=seconds * 0.99))
    assert vonage.read_callback(near, [CALLBACK_KEYS["vonage"]])


def test_vonages_token_has_to_be_hs256_and_of_this_body():
    [callback] = callbacks("vonage", event())
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    token = callback.headers["authorization"].removeprefix("Bearer ")
    claims = token.split(".")[1]
    for forged in (f"{none}.{claims}.", signed_hs256({"iat": AT.timestamp()}, CALLBACK_KEYS["vonage"]), f"{token}.x"):
        with pytest.raises(ForgedCallback):
            vonage.read_callback(
                replace(callback, headers={"authorization": f"Bearer {forged}"}), [CALLBACK_KEYS["vonage"]]
            )


def test_twilio_signs_the_address_with_our_id_in_it():
    [callback] = callbacks("twilio", event())
    key = [CALLBACK_KEYS["twilio"]]
    with pytest.raises(ForgedCallback):
        twilio.read_callback(replace(callback, url=callback.url.replace("0001", "0002")), key)
    with_port = replace(callback, url=callback.url.replace("exosend.example", "exosend.example:443"))
    assert twilio.read_callback(with_port, key) == twilio.read_callback(callback, key)
    with pytest.raises(ForgedCallback):
        twilio.read_callback(replace(callback, url=callback.url.replace("example", "example:8443")), key)


def test_twilios_own_example_of_a_signature():
    """From its page on security: this address, these fields and this token give this signature."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    said = url + "".join(name + value for name, value in sorted(fields.items()))
    assert twilio.signature("12345", said) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    headers = {"x-twilio-signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}
    with pytest.raises(UnreadableCallback):  # it is signed, and of a call
        twilio.read_callback(Callback(url, headers, urlencode(fields).encode(), AT), ["12345"])


@pytest.mark.parametrize(("vendor", "status"), [("twilio", "sent"), ("vonage", "submitted")])
def test_what_is_still_to_come_is_no_event(vendor, status, monkeypatch):
    module = {"twilio": "http_sink_twilio", "vonage": "http_sink_vonage"}[vendor]
    monkeypatch.setattr(f"deployments.{module}._STATUSES", {ReportKind.DELIVERED: status})
    assert read(vendor, event()) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ({"groupId": 1, "name": "PENDING_ENROUTE"}, None),
        ({"groupId": 3, "name": "DELIVERED_TO_OPERATOR"}, None),
        ({"groupId": 3, "name": "DELIVERED_TO_HANDSET"}, ReportKind.DELIVERED),
        ({"groupId": 5, "name": "REJECTED_ROUTE_NOT_AVAILABLE"}, ReportKind.FAILED),
        ({"groupId": True}, None),
        ("DELIVERED", None),
    ],
)
def test_which_of_infobips_statuses_are_final(status, kind):
    [callback] = callbacks("infobip", event())
    report = {**orjson.loads(callback.body)["results"][0], "status": status}
    changed = replace(callback, body=orjson.dumps({"results": [report]}))
    told = infobip.read_callback(changed, [CALLBACK_KEYS["infobip"]])
    assert [each.kind for each in told] == ([kind] if kind else [])


def test_infobips_reports_come_by_the_hundred():
    events = [event(number=number) for number in range(250)]
    assert [len(orjson.loads(each.body)["results"]) for each in callbacks("infobip", *events)] == [100, 100, 50]
    assert len({each.key for each in read("infobip", *events)}) == 250


@pytest.mark.parametrize("body", [b"", b"[]", b'{"results": 1}', b'{"results": [1]}', b'{"results": [{"to": "1"}]}'])
def test_what_is_signed_and_not_as_documented_is_unreadable(body):
    [callback] = callbacks("infobip", event())
    with pytest.raises(UnreadableCallback):
        infobip.read_callback(replace(callback, body=body), [CALLBACK_KEYS["infobip"]])


@pytest.mark.parametrize("change", [{"message_uuid": ""}, {"timestamp": "soon"}, {"status": []}])
def test_the_same_of_vonage(change):
    [callback] = callbacks("vonage", event())
    body = orjson.dumps({**orjson.loads(callback.body), **change})
    token = signed_hs256({"iat": AT.timestamp(), "payload_hash": hashlib.sha256(body).hexdigest()}, "k")
    changed = replace(callback, body=body, headers={"authorization": f"Bearer {token}"})
    with pytest.raises(UnreadableCallback):
        vonage.read_callback(changed, ["k"])

"""What email vendors send back: every event reads as it was, and nothing does that is forged, stale or cut."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest

from deployments.http_sink import CALLBACK_KEYS, CALLBACKS
from deployments.http_sink_sendgrid import signed_callback
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, ForgedCallback, ProviderEvent, StaleCallback, UnreadableCallback
from tasks.providers.vendors import mailgun, postmark, resend, sendgrid, ses

AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
OURS = UUID("01932f2b-0000-7000-8000-000000000001")
URL = "https://exosend.example/webhooks/{}/default"
READ = {
    module.__name__.rpartition(".")[2]: module.read_callback for module in (mailgun, postmark, resend, sendgrid, ses)
}
VENDORS = sorted(READ)
OTHER_KEYS = {
    "mailgun": "another",
    "postmark": "another:password",
    "resend": "whsec_" + base64.b64encode(b"another").decode(),
    # A key of SendGrid's own library's tests.
    "sendgrid": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfS"
    "mpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    "ses": "arn:aws:sns:eu-west-1:999999999999:exosend",
}
# For how long a signature is good; Postmark has none.
OLDEST = {"mailgun": 9 * 3600, "resend": 300, "sendgrid": 25 * 3600, "ses": 24 * 3600}
SEEN = {"user_agent": "Mozilla/5.0 (X11)", "ip": "192.0.2.7"}
CLICK = {**SEEN, "url": "https://example.com/a?b=c&d=%20"}


def event(kind=ReportKind.DELIVERED, number=1, **values) -> ProviderEvent:
    return ProviderEvent("", kind, AT, UUID(int=OURS.int + number), f"ref-{number}", "anna@example.com", **values)


def callbacks(vendor: str, *events: ProviderEvent, key: str | None = None) -> list[Callback]:
    return CALLBACKS[vendor](events, url=URL.format(vendor), key=key or CALLBACK_KEYS[vendor], at=AT)


def read(vendor: str, given: Sequence[Callback], *keys: str):
    return [told for each in given for told in READ[vendor](each, list(keys) or [CALLBACK_KEYS[vendor]])]


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_event_reads_as_it_was_with_a_key_of_its_own(vendor):
    same = [event(), event(ReportKind.CLICKED, 3, payload=CLICK), event(ReportKind.COMPLAINED, 4), event(number=5)]
    said = [*same, event(ReportKind.BOUNCED, 6, payload={"bounce_type": "hard", "reason": "No such user"})]
    told = read(vendor, callbacks(vendor, *said))
    assert len({each.key for each in told}) == len(said)
    assert [replace(each, key="") for each in told[:4]] == same
    assert told[4].payload["bounce_type"] == "hard"
    assert told[4].payload["reason"] == "No such user"
    assert told[4].payload["code"]
    assert read(vendor, callbacks(vendor, *said)) == told


@pytest.mark.parametrize("vendor", VENDORS)
def test_opens_soft_bounces_and_farewells(vendor):
    said = [
        event(ReportKind.OPENED, payload=SEEN),
        event(ReportKind.BOUNCED, 2, payload={"bounce_type": "soft"}),
        *([] if vendor == "resend" else [event(ReportKind.UNSUBSCRIBED, 3)]),
    ]
    told = read(vendor, callbacks(vendor, *said))
    assert [each.kind for each in told] == [each.kind for each in said]
    assert told[0].payload == SEEN
    assert told[1].payload["bounce_type"] == "soft"


@pytest.mark.parametrize("vendor", ["mailgun", "sendgrid"])
def test_vendors_that_know_a_machine_say_so(vendor):
    [told] = read(vendor, callbacks(vendor, event(ReportKind.OPENED, payload={**SEEN, "proxy": True})))
    assert told.payload == {**SEEN, "proxy": True}


@pytest.mark.parametrize("vendor", VENDORS)
def test_either_of_two_keys_fits(vendor):
    key, other = CALLBACK_KEYS[vendor], OTHER_KEYS[vendor]
    given = callbacks(vendor, event())
    assert read(vendor, given, other, key) == read(vendor, given, key)
    for keys in ([other], [], [""], ["no key at all"]):
        with pytest.raises(ForgedCallback):
            READ[vendor](given[0], keys)


@pytest.mark.parametrize("vendor", ["mailgun", "postmark", "ses"])
def test_nobody_can_sign_with_an_empty_key(vendor):
    [callback] = CALLBACKS[vendor]([event()], url=URL.format(vendor), key="", at=AT)
    with pytest.raises(ForgedCallback):
        READ[vendor](callback, [""])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_request_without_signature_is_forged(vendor):
    [callback] = callbacks(vendor, event())
    unsigned = replace(callback, headers={}, body=callback.body.replace(b'ignature"', b'igned"'), certificate=None)
    with pytest.raises(ForgedCallback):
        READ[vendor](unsigned, [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("vendor", ["resend", "sendgrid", "ses"])
def test_a_body_of_which_a_byte_was_changed_is_forged(vendor):
    [callback] = callbacks(vendor, event())
    assert b"anna@" in callback.body
    changed = replace(callback, body=callback.body.replace(b"anna@", b"anne@"))
    with pytest.raises(ForgedCallback):
        READ[vendor](changed, [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("vendor", sorted(OLDEST))
@pytest.mark.parametrize("end", ["too late", "too early"])
def test_a_signature_is_good_for_a_time(vendor, end):
    [callback] = callbacks(vendor, event())
    seconds = OLDEST[vendor] if end == "too late" else -300
    near, far = (replace(callback, received_at=AT + timedelta(seconds=seconds * by)) for by in (0.99, 1.01))
    assert READ[vendor](near, [CALLBACK_KEYS[vendor]])
    with pytest.raises(StaleCallback):
        READ[vendor](far, [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("vendor", ["mailgun", "resend", "sendgrid", "ses"])
@pytest.mark.parametrize("stamp", ["", "soon", "1e400", "99999999999999999999", "-1", "nan"])
def test_a_time_that_is_none_is_refused(vendor, stamp):
    [callback] = callbacks(vendor, event())
    headers = {name: stamp if name.endswith("timestamp") else value for name, value in callback.headers.items()}
    body = callback.body.replace(f'"{int(AT.timestamp())}"'.encode(), f'"{stamp}"'.encode())
    body = body.replace(AT.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode(), stamp.encode())
    with pytest.raises(ForgedCallback):
        READ[vendor](replace(callback, headers=headers, body=body), [CALLBACK_KEYS[vendor]])


def test_mailguns_token_is_the_key_since_it_is_what_is_signed():
    """Another event under the token that somebody saw is no second event."""
    [callback] = callbacks("mailgun", event())
    [told] = read("mailgun", [callback])
    forged = replace(callback, body=callback.body.replace(b"delivered", b"complained"))
    [other] = read("mailgun", [forged])
    assert other.kind is ReportKind.COMPLAINED
    assert other.key == told.key


def test_sendgrid_repeats_an_event_under_another_id_of_its_own():
    [callback] = callbacks("sendgrid", event())
    said = orjson.loads(callback.body)
    again = signed_callback(orjson.dumps([{**said[0], "sg_event_id": "another"}]), callback.url, AT)
    assert read("sendgrid", [again]) == read("sendgrid", [callback])


def test_sendgrids_events_come_in_arrays():
    given = callbacks("sendgrid", *(event(number=number) for number in range(1200)))
    assert [len(orjson.loads(each.body)) for each in given] == [500, 500, 200]
    assert len({each.key for each in read("sendgrid", given)}) == 1200


def test_several_signatures_of_resend_stand_in_one_header():
    [callback] = callbacks("resend", event())
    signature = callback.headers["svix-signature"]
    both = replace(callback, headers={**callback.headers, "svix-signature": f"v1,bm9uZQ== v2,x {signature}"})
    assert read("resend", [both]) == read("resend", [callback])
    other_id = replace(callback, headers={**callback.headers, "svix-id": "msg_other"})
    with pytest.raises(ForgedCallback):
        read("resend", [other_id])


@pytest.mark.parametrize("vendor", ["mailgun", "ses"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'{"signature": 1}', b"\xff", b'{"Type": "Other"}'])
def test_what_holds_no_signature_is_forged_whatever_it_is(vendor, body):
    [callback] = callbacks(vendor, event())
    with pytest.raises(ForgedCallback):
        READ[vendor](replace(callback, body=body), [CALLBACK_KEYS[vendor]])


@pytest.mark.parametrize("vendor", ["postmark"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'{"RecordType": "Bounce"}', b'{"RecordType": "Open"}'])
def test_what_is_signed_and_not_as_documented_is_unreadable(vendor, body):
    [callback] = callbacks(vendor, event())
    with pytest.raises(UnreadableCallback):
        READ[vendor](replace(callback, body=body), [CALLBACK_KEYS[vendor]])

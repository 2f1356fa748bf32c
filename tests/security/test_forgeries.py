"""Callbacks and bounces that nobody sent, each believed when its guard is taken out."""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import orjson
import pytest

from deployments.http_sink import CALLBACK_KEYS, CALLBACKS
from models.rules.reports import ReportKind
from models.rules.return_paths import ReturnPaths
from tasks.bounces.reading import read_mail
from tasks.providers.aws_sns import sns_certificate_url
from tasks.providers.callback_vendors import reader_of
from tasks.providers.callbacks import Callback, ProviderEvent
from tests.support.bounces import MESSAGE, PATHS, postfix
from tests.support.guards import Attack, is_kept_off

NOW = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
ANYTHING = re.compile("(?s).*")


def _yes(*_: object) -> bool:
    return True


def _nothing(*_: object) -> None:
    return None


_OTHER_KEYS = {
    "infobip": "other:password",
    "mailgun": "other",
    "postmark": "other:password",
    "resend": "whsec_" + base64.b64encode(b"other").decode(),
    "ses": "arn:aws:sns:eu-west-1:999999999999:other",
    "twilio": "other",
    "vonage": "other",
}
_SIGNED_BY = {  # what each vendor's signature is compared with
    "infobip": "tasks.providers.callback_fields.is_any",
    "mailgun": "tasks.providers.vendors.mailgun.is_any",
    "postmark": "tasks.providers.callback_fields.is_any",
    "resend": "tasks.providers.vendors.resend.is_any",
    "sendgrid": "tasks.providers.vendors.sendgrid._check_signature",
    "ses": "tasks.providers.aws_sns.is_any",
    "twilio": "tasks.providers.vendors.twilio.is_any",
    "vonage": "tasks.providers.json_web_token.hmac",
}
_AGE = {name: f"tasks.providers.vendors.{name}.check_age" for name in ("mailgun", "resend", "sendgrid")} | {
    "ses": "tasks.providers.aws_sns.check_age"
}


def _callback(vendor: str, at: datetime) -> Callback:
    event = ProviderEvent("", ReportKind.DELIVERED, NOW, UUID(int=1), "ref", "+37060000001")
    url = f"https://exosend.example/webhooks/{vendor}/default"
    return CALLBACKS[vendor]([event], url=url, key=CALLBACK_KEYS[vendor], at=at)[0]


def _believed(vendor: str, callback: Callback, *keys: str) -> bool:
    reader = reader_of(vendor)
    assert reader is not None
    return bool(reader.read_callback(callback, keys))


def _forged(vendor: str) -> Callable[[], bool]:
    def attack() -> bool:
        callback = _callback(vendor, NOW)
        if vendor == "sendgrid":  # a key pair: another body under its signature
            return _believed(vendor, _with_another_body(callback), CALLBACK_KEYS[vendor])
        return _believed(vendor, callback, _OTHER_KEYS[vendor])

    return attack


def _with_another_body(callback: Callback) -> Callback:
    """The same callback with a space more."""
    return Callback(callback.url, callback.headers, callback.body + b" ", callback.received_at, callback.certificate)


def _stale(vendor: str) -> Callable[[], bool]:
    def attack() -> bool:
        old = _callback(vendor, datetime(2026, 11, 1, tzinfo=UTC))
        late = Callback(old.url, old.headers, old.body, NOW, old.certificate)
        return _believed(vendor, late, CALLBACK_KEYS[vendor])

    return attack


def _certificate_elsewhere() -> bool:
    topic = "arn:aws:sns:eu-west-1:123456789012:exosend"
    body = orjson.dumps({"TopicArn": topic, "SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"})
    return "evil" in sns_certificate_url(Callback("https://exosend.example/", {}, body, NOW), [topic])


def _made_up_bounce() -> bool:
    forger = ReturnPaths(PATHS.address, ["another key"])
    return read_mail(postfix(path=forger.address_of(MESSAGE)), PATHS, NOW).event is not None


CALLED_BACK = [
    *(
        Attack(
            f"a forged callback of {vendor}",
            _forged(vendor),
            {
                guard: {
                    "vonage": SimpleNamespace(compare_digest=_yes, new=hmac.new),
                    "sendgrid": _nothing,
                }.get(vendor, _yes)
            },
        )
        for vendor, guard in _SIGNED_BY.items()
    ),
    *(
        Attack(f"a callback of {vendor} that was recorded", _stale(vendor), {guard: _nothing})
        for vendor, guard in _AGE.items()
    ),
    Attack(
        "a certificate that the forger serves",
        _certificate_elsewhere,
        {"tasks.providers.aws_sns._CERTIFICATE": ANYTHING},
    ),
    Attack(
        "a bounce that anybody made up",
        _made_up_bounce,
        {"models.rules.return_paths.hmac": SimpleNamespace(compare_digest=_yes)},
    ),
]


@pytest.mark.parametrize("attack", CALLED_BACK, ids=lambda attack: attack.name.replace(" ", "-"))
def test_a_forgery_is_believed_only_where_its_guard_is_taken_out(attack: Attack) -> None:
    is_kept_off(attack)


def test_every_vendor_that_calls_back_is_attacked() -> None:
    assert set(_SIGNED_BY) == set(CALLBACKS)

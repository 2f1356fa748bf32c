"""Attacks, each kept off by a guard, and each getting through when that guard is taken out (docs/security.md)."""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import orjson
import pytest

from api.csv_download import csv_answer
from deployments.http_sink import CALLBACK_KEYS, CALLBACKS
from models.rules.ids import new_id
from models.rules.link_tokens import LinkKeys, LinkKind, content_mark
from models.rules.public_addresses import is_public
from models.rules.reports import ReportKind
from models.rules.return_paths import ReturnPaths
from models.rules.webhook_url import parse_webhook_url
from tasks.bounces.reading import read_mail
from tasks.content.attachment_rules import checked_attachments
from tasks.content.attachments import AttachedFile
from tasks.content.headers import plain_header, to_header, unstructured_header, wire_address
from tasks.providers.aws_sns import sns_certificate_url
from tasks.providers.callback_vendors import reader_of
from tasks.providers.callbacks import Callback, ProviderEvent
from tests.support.bounces import MESSAGE, PATHS, postfix
from tests.support.guards import Attack, is_kept_off

NOW = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
INJECTED = "x\r\nBcc: everybody@example.net"
ANYTHING = re.compile("(?s).*")
NOTHING = re.compile("(?!)")
KEYS = LinkKeys([b"k" * 32])
CONTENT = content_mark(new_id())
HEADS = KEYS.message_links(MESSAGE, CONTENT)


def _yes(*_: object) -> bool:
    return True


def _no(*_: object) -> bool:
    return False


def _nothing(*_: object) -> None:
    return None


# -- links


def _flipped_link() -> bool:
    token = HEADS.unsubscribe[:-1] + ("A" if HEADS.unsubscribe[-1] != "A" else "B")
    return KEYS.read(LinkKind.UNSUBSCRIBE, token) is not None


def _link_of_another_kind() -> bool:
    return KEYS.read(LinkKind.UNSUBSCRIBE, HEADS.open) is not None


def _link_out_of_the_web() -> bool:
    return KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address("javascript:alert(1)", CONTENT)) is not None


LINKS = [
    Attack("a changed link", _flipped_link, {"models.rules.link_tokens.is_same": _yes}),
    Attack("an open's link that unsubscribes", _link_of_another_kind, {"models.rules.link_tokens.is_same": _yes}),
    Attack("a link that runs a script", _link_out_of_the_web, {"models.rules.link_tokens.is_web_address": _yes}),
]

# -- headers


def _in(made: Callable[[], bytes]) -> Callable[[], bool]:
    return lambda: b"\r\nBcc:" in made()


HEADERS = [
    Attack(
        "a second header in a subject",
        _in(lambda: unstructured_header("Subject", INJECTED)),
        {"tasks.content.headers.header_text": str, "tasks.content.headers._ASCII_TEXT": _yes},
    ),
    Attack(
        "a second header in a ready-made one",
        _in(lambda: plain_header("List-Unsubscribe", INJECTED)),
        {"tasks.content.headers._HEADER_VALUE": _yes},
    ),
    Attack(
        "a second header in an address",
        _in(lambda: to_header("a@example.com" + INJECTED, None)),
        {"tasks.content.headers._PLAIN_ADDRESS": _yes},
    ),
    Attack(
        "a second SMTP command in an address",
        lambda: "\n" in wire_address("a@example.com>\r\nRCPT TO:<b@example.com").address,
        {"tasks.content.headers._PLAIN_ADDRESS": _yes},
    ),
    Attack(
        "a second HTTP request in a webhook's address",
        lambda: " " in parse_webhook_url("https://example.com/ HTTP/1.1").target,
        {"models.rules.webhook_url._PRINTABLE": ANYTHING, "models.rules.webhook_url._BLANK": NOTHING},
    ),
]

# -- what comes in and goes out as a file


def _formula() -> bool:
    return csv_answer("x.csv", ["a"], [["=HYPERLINK(1)"]]).get_data().splitlines()[1].startswith(b"=")


def _formula_behind_a_semicolon() -> bool:
    text = csv_answer("x.csv", ["a"], [["x;=HYPERLINK(1)"]]).get_data(as_text=True)
    return ";=" in text


def _program() -> bool:
    return bool(checked_attachments("attachments", [AttachedFile("invoice.exe", "application/pdf", b"MZ")]))


FILES = [
    Attack("a formula in a CSV file", _formula, {"api.csv_download.neutral_cell": lambda cell: cell}),
    Attack(
        "a formula behind another separator",
        _formula_behind_a_semicolon,
        {"api.csv_download.neutral_cell": lambda cell: cell},
    ),
    Attack("a program as an attachment", _program, {"tasks.content.attachment_rules.is_program": _no}),
]

# -- callbacks

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

# -- what goes to addresses of others

OUTWARD = [
    Attack(
        f"a webhook to {address}",
        lambda address=address: is_public(address),  # type: ignore[misc]
        {"models.rules.public_addresses._SPECIAL_V4": [], "models.rules.public_addresses._SPECIAL_V6": []},
    )
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "100.64.0.1", "2002:7f00:1::1")
]


@pytest.mark.parametrize(
    "attack",
    [*LINKS, *HEADERS, *FILES, *CALLED_BACK, *OUTWARD],
    ids=lambda attack: attack.name.replace(" ", "-"),
)
def test_an_attack_gets_through_only_where_its_guard_is_taken_out(attack: Attack) -> None:
    is_kept_off(attack)


def test_every_vendor_that_calls_back_is_attacked() -> None:
    assert set(_SIGNED_BY) == set(CALLBACKS)

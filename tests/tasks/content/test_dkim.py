"""Signatures, judged by dkimpy, which is nobody's of ours."""

import base64
import re
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import new_id
from tasks.content import dkim as ours
from tasks.content.dkim import SIGNED, DkimSigner
from tasks.content.freeze import FrozenEmail
from tasks.content.mime import PreparedEmail

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
SIGNER = DkimSigner("example.com", "exosend", KEY)
NOW = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
FROZEN = FrozenEmail(
    "Žinios {{ a }}", "<p>é {{ a }}</p>", "{{ a }}", "news@example.com", "Acme, Inc.", reply_to="re@example.com"
)
HEADERS = (("List-Unsubscribe", "<https://mail.example/u/x>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))


def published(name: bytes, timeout: int = 5) -> bytes:
    """What DNS says."""
    assert name == b"exosend._domainkey.example.com."
    return b"v=DKIM1; k=rsa; p=" + PUBLIC


def holds(message: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=published))


def built(value: str = "x") -> bytes:
    return PreparedEmail(FROZEN, HEADERS).build(new_id(), "anna@example.org", "Anna", NOW, {"a": value})


SIGNED_MAIL = SIGNER.sign(built())


@given(st.text(max_size=200))
def test_what_is_signed_is_believed_whatever_is_in_it(value: str) -> None:
    assert holds(SIGNER.sign(built(value)))


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b".", b"=20"]), max_size=30))
def test_every_body_is_seen_as_a_verifier_sees_it(pieces: list[bytes]) -> None:
    assert holds(SIGNER.sign(b"From: a@example.com\r\nSubject:  x \r\n\ty\r\n\r\n" + b"".join(pieces) + b"\r\n"))


@pytest.mark.parametrize("name", SIGNED)
def test_no_header_can_be_changed_removed_or_added(name: str) -> None:
    head, _, body = SIGNED_MAIL.partition(b"\r\n\r\n")
    pattern = re.compile(rb"(?im)^" + name.encode() + rb":[^\r]*(\r\n[ \t][^\r]*)*\r\n")
    changed = pattern.sub(name.encode() + b": forged\r\n", head + b"\r\n", count=1)
    removed = pattern.sub(b"", head + b"\r\n", count=1)
    assert changed != head + b"\r\n" != removed
    for other in (changed, removed, name.encode() + b": added\r\n" + head + b"\r\n"):
        assert not holds(other + b"\r\n" + body)


def test_without_oversigning_a_header_could_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, added = b"From: a@example.com\r\nTo: b@example.org\r\n\r\nx\r\n", b"Subject: added\r\n"
    assert not holds(added + SIGNER.sign(mail))
    monkeypatch.setattr(ours, "SIGNED", ("From", "To"))
    assert holds(added + SIGNER.sign(mail))


def test_the_body_cannot_be_changed() -> None:
    assert holds(SIGNED_MAIL)
    assert not holds(SIGNED_MAIL.replace(b"<p>", b"<b>"))
    assert not holds(SIGNED_MAIL + b"more\r\n")


def test_another_key_signs_for_nobody() -> None:
    other = DkimSigner("example.com", "exosend", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert not holds(other.sign(built()))


def test_the_header_is_folded_and_names_all_that_is_signed() -> None:
    head = SIGNED_MAIL.partition(b"\r\nFrom:")[0]
    assert head.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=exosend;")
    assert max(map(len, head.split(b"\r\n")[1:])) <= 78
    listed = re.sub(rb"\s", b"", head.split(b"h=")[1].split(b";")[0]).decode().split(":")
    assert all(listed.count(name) == 2 for name in SIGNED)

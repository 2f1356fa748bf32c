"""Messages that Amazon SNS posts to an address: whose they are, and whether they are real.

An SNS signature says that a message came from SNS, and everybody can have a topic there: what makes it ours is the
topic's ARN, which is among the signed fields. So an account's keys are the ARNs of its topics.

Where its words are from, as read in November 2026:
- what is signed: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
- formats: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
- for how long a message is repeated (an hour by default, and up to a policy's choice):
  https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tasks.providers.callback_fields import check_age, is_any, moment, signed_object, text_of
from tasks.providers.callbacks import Callback, ForgedCallback

# Nothing but SNS itself answers on these hosts. In China it is amazonaws.com.cn.
_HOST = r"sns(?:-fips)?\.[a-z]{2}(?:-[a-z]+){1,3}-[0-9]\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(rf"https://{_HOST}/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem", re.ASCII)
_CONFIRMATION = re.compile(rf"https://{_HOST}/\?Action=ConfirmSubscription&[A-Za-z0-9%&=.:_-]{{1,2000}}", re.ASCII)

_OF_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED_FIELDS = {
    "Notification": _OF_NOTIFICATION,
    "SubscriptionConfirmation": _OF_CONFIRMATION,
    "UnsubscribeConfirmation": _OF_CONFIRMATION,
}
# SNS signs a message once and repeats it for hours. What is repeated counts once, by its key.
_OLDEST_SECONDS = 24 * 3600


def sns_message(callback: Callback, topics: Sequence[str]) -> Mapping[str, object]:
    """The message of a callback that SNS signed for one of the topics, by `callback.certificate`.

    Raises ForgedCallback, StaleCallback, UnreadableCallback.
    """
    message = _of_topic(callback, topics)
    _check_signature(message, callback)
    signed_at = moment(message.get("Timestamp"))
    check_age(str(signed_at.timestamp()), callback.received_at, _OLDEST_SECONDS)
    return message


def sns_certificate_url(callback: Callback, topics: Sequence[str]) -> str:
    """See NamesCertificates. Nothing is fetched for a topic that is not ours."""
    url = text_of(_of_topic(callback, topics).get("SigningCertURL"))
    if not _CERTIFICATE.fullmatch(url):
        raise ForgedCallback("The certificate is not at an address of SNS.")
    return url


def sns_confirmation_url(message: Mapping[str, object]) -> str:
    """Where a subscription is confirmed. Raises ForgedCallback where that is no address of SNS."""
    url = text_of(message.get("SubscribeURL"))
    if not _CONFIRMATION.fullmatch(url):
        raise ForgedCallback("The confirmation is not at an address of SNS.")
    return url


def signed_text(message: Mapping[str, object]) -> bytes:
    """What SNS signs of a message: the names and values of its fields, in their order. Raises ForgedCallback."""
    fields = SIGNED_FIELDS.get(text_of(message.get("Type")))
    if fields is None:
        raise ForgedCallback("SNS has no message of this type.")
    present = [(name, text_of(message.get(name))) for name in fields if name != "Subject" or message.get(name)]
    return "".join(f"{name}\n{value}\n" for name, value in present).encode()


def _of_topic(callback: Callback, topics: Sequence[str]) -> Mapping[str, object]:
    message = signed_object(callback.body)
    topic = text_of(message.get("TopicArn"))
    if not topic or not is_any(topic, topics):
        raise ForgedCallback("The message is of no topic of this account.")
    return message


def _check_signature(message: Mapping[str, object], callback: Callback) -> None:
    version = text_of(message.get("SignatureVersion"))
    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(version)  # noqa: S303  # version 1 is SHA-1, and is SNS's default
    if algorithm is None:
        raise ForgedCallback("The signature is of no version that SNS has.")
    try:
        certificate = x509.load_pem_x509_certificate(callback.certificate or b"")
    except ValueError:
        raise ForgedCallback("There is no certificate to check the signature with.") from None
    if not certificate.not_valid_before_utc <= callback.received_at <= certificate.not_valid_after_utc:
        raise ForgedCallback("The certificate is not valid at this time.")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise ForgedCallback("The certificate is not one of SNS.")
    try:
        signature = base64.b64decode(text_of(message.get("Signature")), validate=True)
        key.verify(signature, signed_text(message), padding.PKCS1v15(), algorithm)
    except (binascii.Error, InvalidSignature):
        raise ForgedCallback("The signature is not SNS's.") from None

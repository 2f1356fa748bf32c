"""SendEmail of Amazon SES's API v2 as it is documented (the pages: tasks/providers/vendors/ses.py)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deployments import http_sink_domains
from deployments.http_sink_events import fingerprint, is_hard, of_messages, said
from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.aws_sns import signed_text
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/ses/aws4_request, SignedHeaders=([a-z0-9;-]+), "
    r"Signature=([0-9a-f]{64})",
    re.ASCII,
)
_TAG = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_MOST_BYTES = 40_000_000
_EVENTS = {
    ReportKind.DELIVERED: "Delivery",
    ReportKind.OPENED: "Open",
    ReportKind.CLICKED: "Click",
    ReportKind.BOUNCED: "Bounce",
    ReportKind.COMPLAINED: "Complaint",
    ReportKind.UNSUBSCRIBED: "Subscription",
}
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


class SesApi:
    """One account, (access key id, secret access key)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._id, self._secret = account
        self.domains = http_sink_domains.Domains()

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if refused := self._unsigned("POST", target, headers, body):
            return refused
        if target != "/v2/email/outbound-emails":
            return _refused(404, "UnknownOperationException", "")
        document = orjson.loads(body)
        recipients = document.get("Destination", {}).get("ToAddresses", [])
        if mistake := _mistake(document, recipients):
            return _refused(400, *mistake)
        return Taken(recipients, orjson.dumps({"MessageId": f"0102{uuid4().hex[:12]}-{uuid4()}-000000"}))

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        if not target.startswith(("/v2/email/identities", "/v2/email/account")):
            return None
        if refused := self._unsigned(method, target, headers, body):
            return Answered(refused.status, refused.answer, refused.headers)
        return http_sink_domains.ses(self.domains, method, target, body)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return orjson.dumps({"message": text, "code": str(status)})

    def _unsigned(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Refused | None:
        """What is said of a signature that is not there, or is wrong (Signature Version 4)."""
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        stamp = headers.get("x-amz-date", "")
        if found is None or not stamp:
            return _refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        id_, day, region, names, signature = found.groups()
        if id_ != self._id:
            return _refused(
                403, "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        age = datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(age) > timedelta(minutes=5) or day != stamp[:8]:
            return _refused(403, "InvalidSignatureException", f"Signature expired: {stamp}")
        signed = [(name, headers.get(name, "")) for name in names.split(";")]
        lines = [f"{name}:{value}" for name, value in signed]
        request = "\n".join([method, target, "", *lines, "", names, hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/ses/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{self._secret}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if key.hex() != signature or "host" not in names.split(";"):
            return _refused(
                403,
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            )
        return None


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a notification of the SNS topic `key` for each event, signed with a certificate that is made
    for it and comes along."""
    return [
        notification(_record(event), url=url, topic=key, at=at, id_=str(UUID(fingerprint(event)[:32])))
        for event in of_messages(events)
    ]


def notification(
    record: Mapping[str, object] | str, *, url: str, topic: str, at: datetime, version: str = "1", id_: str = ""
) -> Callback:
    """A notification of anything: an object as JSON, or a text. `version` is the signature's, `id_` the message's."""
    text = record if isinstance(record, str) else orjson.dumps(record).decode()
    fields = {
        "Type": "Notification",
        "MessageId": id_ or str(uuid4()),
        "Message": text,
        "Subject": "Amazon SES Email Event",
    }
    return signed_callback(fields, url=url, topic=topic, at=at, version=version)


def confirmation(*, url: str, topic: str, at: datetime) -> Callback:
    """What SNS sends first to an address that is subscribed."""
    token = uuid4().hex
    subscribe = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"
    text = "You have chosen to subscribe to the topic. To confirm, visit the SubscribeURL included in this message."
    fields = {"Type": "SubscriptionConfirmation", "Token": token, "SubscribeURL": subscribe, "Message": text}
    return signed_callback(fields, url=url, topic=topic, at=at)


def signed_callback(fields: Mapping[str, str], *, url: str, topic: str, at: datetime, version: str = "1") -> Callback:
    """A message of the topic with these fields."""
    private, certificate = _signer()
    message = {
        "MessageId": str(uuid4()),
        "TopicArn": topic,
        "Timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **fields,
    }
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303  # as SNS does
    signature = private.sign(signed_text(message), padding.PKCS1v15(), algorithm)
    message["Signature"] = base64.b64encode(signature).decode()
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": message["Type"],
        "x-amz-sns-topic-arn": topic,
    }
    return Callback(url, headers, orjson.dumps(message), at, certificate)


def _record(event: ProviderEvent) -> dict[str, Any]:
    """An event as event publishing has it."""
    at = event.occurred_at.isoformat()
    name = _EVENTS[event.kind]
    who = [{"emailAddress": event.recipient}]
    seen = {"timestamp": at, "userAgent": said(event, "user_agent"), "ipAddress": said(event, "ip")}
    detail: dict[str, Any] = {"timestamp": at}
    match event.kind:
        case ReportKind.BOUNCED:
            type_, subtype = ("Permanent", "NoEmail") if is_hard(event) else ("Transient", "MailboxFull")
            status = "5.1.1" if is_hard(event) else "4.2.2"
            reason = said(event, "reason", f"smtp; 550 {status} mailbox unavailable")
            one = {**who[0], "action": "failed", "status": status, "diagnosticCode": reason}
            detail |= {"bounceType": type_, "bounceSubType": subtype, "bouncedRecipients": [one]}
            detail |= {"feedbackId": f"0100-{event.message_id}"}
        case ReportKind.COMPLAINED:
            detail |= {"complainedRecipients": who, "complaintFeedbackType": "abuse"}
            detail |= {"feedbackId": f"0101-{event.message_id}"}
        case ReportKind.DELIVERED:
            detail |= {"recipients": [event.recipient], "smtpResponse": "250 2.6.0 Message received"}
        case ReportKind.UNSUBSCRIBED:
            detail |= {"source": "UnsubscribeHeader", "newTopicPreferences": {"unsubscribeAll": True}}
        case ReportKind.CLICKED:
            detail = {**seen, "link": said(event, "url"), "linkTags": None}
        case _:
            detail = seen
    mail = {
        "timestamp": at,
        "messageId": event.provider_ref or f"EXAMPLE-{event.message_id}-000000",
        "destination": [event.recipient],
        "tags": {"exosend-id": [str(event.message_id)], "ses:configuration-set": ["exosend"]},
    }
    return {"eventType": name, "mail": mail, name.lower(): detail}


def _mistake(document: dict[str, Any], recipients: list[str]) -> tuple[str, str] | None:
    raw = document.get("Content", {}).get("Raw", {}).get("Data", "")
    tags = document.get("EmailTags", [])
    wrong = {
        ("BadRequestException", "Content is required."): not raw,
        ("BadRequestException", "Missing final '@domain'"): not recipients
        or not all("@" in each for each in recipients),
        ("BadRequestException", "Recipient count exceeds 50."): len(recipients) > 50,
        ("BadRequestException", "Invalid tag."): not all(
            _TAG.fullmatch(tag[part]) for tag in tags for part in ("Name", "Value")
        ),
        ("MessageRejected", "Message length is more than 40000000 bytes long."): len(raw) * 3 // 4 > _MOST_BYTES,
        ("MessageRejected", "Missing required header 'From'."): b"\nfrom:"
        not in b"\n" + base64.b64decode(raw)[:5000].lower(),
    }
    return next((mistake for mistake, is_so in wrong.items() if is_so), None)


@lru_cache
def _signer() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key, and the certificate that would be at CERTIFICATE_URL."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    )
    return private, builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


def _refused(status: int, name: str, text: str) -> Refused:
    return Refused(status, orjson.dumps({"message": text}), (("x-amzn-ErrorType", name),))

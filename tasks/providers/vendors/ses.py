"""Email by Amazon SES (API v2): one call for each message, the MIME message as it is.

The account is `ses://access-key-id:secret-access-key@email.eu-west-1.amazonaws.com`: the host names the region. The
configuration set whose event destination reports goes into the path, where the identity has none of its own:
`ses://…@email.eu-west-1.amazonaws.com/exosend`. Its events come through an SNS topic, subscribed by HTTPS without raw
delivery, and the account's callback keys are the topics' ARNs (aws_sns.py says why).

Where its words are from, as read in November 2026:
- SendEmail and its errors: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
- errors of all actions: https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
- GetAccount: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
- 40 MB for a message: https://docs.aws.amazon.com/ses/latest/dg/quotas.html
- events: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
- bounces of an identity without event publishing:
  https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.aws_signing import AwsKey, signed_headers
from tasks.providers.aws_sns import sns_certificate_url, sns_confirmation_url, sns_message
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.callback_fields import (
    first_text,
    json_object,
    moment,
    needed,
    object_at,
    objects_at,
    our_id,
    payload,
    text_of,
)
from tasks.providers.callbacks import Callback, Confirmation, ProviderEvent, Told
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, json_of, text_at

CHANNEL = "email"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)

_HOST = "email.us-east-1.amazonaws.com"
_REGION = re.compile(r"email(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)", re.ASCII)
_TARGET = "/v2/email/outbound-emails"
_TAG = "exosend-id"

# Names of errors, by what they mean. Its own text of LimitExceeded is "too many instances of a resource"; it is also
# what is said of the daily quota. Of MailFromDomainNotVerified the domain may be known soon.
_ERRORS = {
    "AccountSuspendedException": OutcomeKind.UNSENT,
    "SendingPausedException": OutcomeKind.UNSENT,
    "NotFoundException": OutcomeKind.UNSENT,  # the configuration set
    "AccessDeniedException": OutcomeKind.UNSENT,
    "UnrecognizedClientException": OutcomeKind.UNSENT,
    "InvalidClientTokenId": OutcomeKind.UNSENT,
    "InvalidSignatureException": OutcomeKind.UNSENT,
    "SignatureDoesNotMatch": OutcomeKind.UNSENT,
    "IncompleteSignature": OutcomeKind.UNSENT,
    "MissingAuthenticationToken": OutcomeKind.UNSENT,
    "MissingAuthenticationTokenException": OutcomeKind.UNSENT,
    "ExpiredTokenException": OutcomeKind.UNSENT,
    "OptInRequired": OutcomeKind.UNSENT,
    "RequestExpired": OutcomeKind.DEFERRED,  # the signature is older than five minutes: it waited for its turn
    "TooManyRequestsException": OutcomeKind.DEFERRED,
    "ThrottlingException": OutcomeKind.DEFERRED,
    "Throttling": OutcomeKind.DEFERRED,
    "LimitExceededException": OutcomeKind.DEFERRED,
    "MailFromDomainNotVerifiedException": OutcomeKind.DEFERRED,
    "ServiceUnavailable": OutcomeKind.DEFERRED,
    "BadRequestException": OutcomeKind.REJECTED,
    "MessageRejected": OutcomeKind.REJECTED,
    "ValidationError": OutcomeKind.REJECTED,
}

_KINDS = {
    "Bounce": ReportKind.BOUNCED,
    "Reject": ReportKind.BOUNCED,  # it holds a virus, and nothing was sent
    "Complaint": ReportKind.COMPLAINED,
    "Delivery": ReportKind.DELIVERED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
    "Subscription": ReportKind.UNSUBSCRIBED,
}
# Bounces are Permanent, Transient or Undetermined. One of its subtypes says that SES holds back what is for an address
# on the account's own list of those who bounced or complained, and calls it a bounce, or a complaint.
_SUPPRESSED = "OnAccountSuppressionList"


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account."""
    return HttpProvider(Ses(account))


class Ses(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "ses"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self.server = account.server(_HOST, (("Accept", "application/json"),))
        self.secrets = (account.secret,)
        found = _REGION.fullmatch(self.server.host)
        self._key = AwsKey(account.user, account.secret, found[1] if found else "us-east-1", "ses")
        self._configuration_set = account.path

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        now = datetime.now(UTC)
        calls = []
        for place, message in enumerate(messages):
            body = self._body(message)
            headers = signed_headers(self._key, self.server.authority, _TARGET, body, now)
            calls.append(Call(Request(_TARGET, body, headers), [place]))
        return calls

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str] | None:
        reference = text_at(json_of(answer), "MessageId")
        return [reference] * len(messages) if reference else None

    def meaning(self, answer: Answer) -> Meaning:
        document, name = json_of(answer), error_name(answer)
        return Meaning(_ERRORS.get(name), name or None, text_at(document, "message") or text_at(document, "Message"))

    def request(self, method: str, target: str, document: object = None) -> ApiRequest:
        """A signed request of any action."""
        body = b"" if document is None else orjson.dumps(document)
        now = datetime.now(UTC)
        signed = signed_headers(self._key, self.server.authority, target, body, now, method=method)
        return ApiRequest(method, target, body, signed)

    def check(self) -> ApiRequest:
        return self.request("GET", "/v2/email/account")

    def is_let_in(self, answer: Answer) -> bool:
        """Also where the key may send, and not look: it is known then."""
        return super().is_let_in(answer) or error_name(answer) == "AccessDeniedException"

    def _body(self, message: OutgoingMessage) -> bytes:
        document: dict[str, object] = {
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(message.content).decode("ascii")}},
            "EmailTags": [{"Name": _TAG, "Value": str(message.id)}],
        }
        if self._configuration_set:
            document["ConfigurationSetName"] = self._configuration_set
        return orjson.dumps(document)


def error_name(answer: Answer) -> str:
    """The name of an error, which may be followed by an address of its definition, and begin with a namespace."""
    document = json_of(answer)
    said = answer.headers.get("x-amzn-errortype") or text_at(document, "__type") or text_at(document, "code")
    return said.partition(":")[0].rpartition("#")[2]


def certificate_url(callback: Callback, keys: Sequence[str]) -> str:
    """See NamesCertificates."""
    return sns_certificate_url(callback, keys)


def read_callback(callback: Callback, keys: Sequence[str]) -> list[Told]:
    """See ReadsCallbacks. A key is the ARN of a topic that the account's events come through."""
    message = sns_message(callback, keys)
    kind = text_of(message.get("Type"))
    if kind == "SubscriptionConfirmation":
        return [Confirmation(needed(message, "MessageId"), sns_confirmation_url(message))]
    if kind != "Notification" or not text_of(message.get("Message")).startswith("{"):
        return []  # an end of a subscription; the text by which SES says that a topic is set up
    return list(_events(json_object(text_of(message["Message"])), needed(message, "MessageId")))


def _events(record: Mapping[str, object], sns_id: str) -> list[ProviderEvent]:
    name = text_of(record.get("eventType")) or text_of(record.get("notificationType"))
    kind = _KINDS.get(name)
    detail = object_at(record, name.lower())
    if kind is None or not _counts(name, detail):
        return []
    mail = object_at(record, "mail")
    if name == "Complaint" and text_of(detail.get("complaintSubType")) == _SUPPRESSED:
        kind = ReportKind.BOUNCED
    return [
        ProviderEvent(
            # The same bounce or delivery is one, though event publishing and an identity's own topic both report it.
            key=":".join((name, _own_id(name, detail, mail) or sns_id, recipient)),
            kind=kind,
            occurred_at=moment(detail.get("timestamp") or mail.get("timestamp")),
            message_id=our_id(first_text(object_at(mail, "tags").get(_TAG))),
            provider_ref=text_of(mail.get("messageId")) or None,
            recipient=recipient or None,
            payload=_bounce(name, detail, of_one) if kind is ReportKind.BOUNCED else _seen(detail),
        )
        for recipient, of_one in _recipients(name, detail, mail)
    ]


def _counts(name: str, detail: Mapping[str, object]) -> bool:
    """Not what an analyst moved out of the spam folder again, nor a change of topics that is no farewell."""
    if name == "Complaint":
        return text_of(detail.get("complaintFeedbackType")) != "not-spam"
    return name != "Subscription" or object_at(detail, "newTopicPreferences").get("unsubscribeAll") is True


def _own_id(name: str, detail: Mapping[str, object], mail: Mapping[str, object]) -> str:
    if name in {"Delivery", "Reject"}:
        return text_of(mail.get("messageId"))
    return text_of(detail.get("feedbackId"))


def _recipients(
    name: str, detail: Mapping[str, object], mail: Mapping[str, object]
) -> list[tuple[str, Mapping[str, object]]]:
    """Whom it is about; a message of ours has one recipient."""
    concerned = objects_at(detail, {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}.get(name, ""))
    if concerned:
        return [(text_of(each.get("emailAddress")), each) for each in concerned]
    return [(first_text(detail.get("recipients") or mail.get("destination")), {})]


def _bounce(name: str, detail: Mapping[str, object], of_one: Mapping[str, object]) -> dict[str, object]:
    subtype = text_of(detail.get("bounceSubType")) or text_of(detail.get("complaintSubType"))
    is_hard = text_of(detail.get("bounceType")) == "Permanent" or subtype == _SUPPRESSED
    return payload(
        bounce_type="hard" if is_hard else "soft",
        code=text_of(of_one.get("status")) or subtype or name,
        reason=text_of(of_one.get("diagnosticCode")) or text_of(detail.get("reason")) or subtype,
    )


def _seen(detail: Mapping[str, object]) -> dict[str, object]:
    return payload(
        user_agent=text_of(detail.get("userAgent")),
        ip=text_of(detail.get("ipAddress")),
        url=text_of(detail.get("link")),
    )

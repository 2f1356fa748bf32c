"""SMS by Twilio's Messages resource: one call for each message.

The account is `twilio://AC…:auth_token@api.twilio.com`, or with an API key `twilio://SK…:secret@api.twilio.com/AC…`.

Where its words are from, as read in November 2026:
- fields and answer: https://www.twilio.com/docs/messaging/api/message-resource
- errors as JSON {code, message, more_info, status}: https://www.twilio.com/docs/usage/twilios-response
- which statuses may be sent again: https://support.twilio.com/hc/en-us/articles/48916449686299
- a request that gets 429 was not processed: https://www.twilio.com/docs/api/errors/20429
- the codes, each at https://www.twilio.com/docs/api/errors/<code>
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from models.errors import SetupError
from tasks.providers.account import ProviderAccount
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, basic, json_of, text_at

CHANNEL = "sms"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)

_HOST = "api.twilio.com"
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_MESSAGE_SID = re.compile(r"[SM]M[0-9a-fA-F]{32}", re.ASCII)

# A message may be refused in an answer that says 201.
_REFUSED = {"failed", "undelivered", "canceled"}

# Codes that say something else than their status does.
_CODES = {
    20003: OutcomeKind.UNSENT,  # the credentials are wrong
    20005: OutcomeKind.UNSENT,  # the account is not active
    20429: OutcomeKind.DEFERRED,  # too many requests at once
    21408: OutcomeKind.REJECTED,  # no permission to send to this region
    21610: OutcomeKind.REJECTED,  # the recipient has said STOP
    21611: OutcomeKind.DEFERRED,  # the sender's queue is full
}
# Its support names 500, 502, 503 and 504 as what may be sent again; only of 429 is it said that nothing was done. So of
# the others the status itself decides: a second SMS is worse than a late one.


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account. Raises SetupError."""
    return HttpProvider(Twilio(account))


class Twilio(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        sid = account.path or account.user
        if not _ACCOUNT_SID.fullmatch(sid):
            raise SetupError(
                "twilio: the user is an Account SID (AC and 32 hexadecimal digits), or stands in the path."
            )
        self.name = "twilio"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self.server = account.server(_HOST, (basic(account.user, account.secret), *_FORM))
        self.secrets = (account.secret,)
        self._target = f"/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json"

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        return [Call(Request(self._target, _form(message)), [place]) for place, message in enumerate(messages)]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str] | None:
        del messages
        document = json_of(answer)
        sid = text_at(document, "sid")
        return [sid] if _MESSAGE_SID.fullmatch(sid) and text_at(document, "status") not in _REFUSED else None

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        if text_at(document, "status") in _REFUSED:
            return Meaning(OutcomeKind.REJECTED, _code(document, "error_code"), text_at(document, "error_message"))
        code = _code(document, "code")
        kind = _CODES.get(int(code)) if code is not None and answer.status >= 400 else None
        return Meaning(kind, code, text_at(document, "message"))


def _form(message: OutgoingMessage) -> bytes:
    fields = {"To": message.recipient, "From": message.sender, "Body": message.content.decode()}
    return urlencode(fields).encode("ascii")


def _code(document: object, key: str) -> str | None:
    value = document.get(key) if isinstance(document, dict) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

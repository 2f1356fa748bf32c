"""SMS that a request sends at once: what it asks for is checked as a whole, priced, and accepted.

Their texts are literal: braces are no merge tags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import polars as pl
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.lifecycle import RunKind
from models.rules.phone import parse_phone
from models.rules.pricing import sms_cost
from models.rules.sender_id import parse_sender_id
from models.rules.sms import checked_segments
from models.settings import Settings
from models.store.contents import store_content
from models.store.ledger import read_balance
from models.store.messages import suppressed_among
from models.store.outgoing import NewMessage
from models.store.prices import sms_prices
from models.store.sender_ids import count_messages, sender_to_use
from models.tables import SenderId
from tasks.audience.phones import parse_phones
from tasks.content.sms import FrozenSms
from tasks.runs.accept_messages import Accepted, accept_run, accept_single

_NOT_A_NUMBER = "The recipient field must be a valid phone number in international format, such as +37061234567."
_NO_PRICE = "The recipient field must be a phone number of a country that messages can be sent to."
_SUPPRESSED = "The recipient is suppressed: no messages may be sent to it."
_NONE_VALID = "The recipients field must have a valid phone number of a country that messages can be sent to."
_ALL_SUPPRESSED = "The recipients are all suppressed: no messages may be sent to them."
_SENDER_GONE = "The selected sender_id is not a verified sender ID of the organization."


@dataclass(frozen=True, slots=True)
class SmsRequest:
    """The fields that single and bulk have. None is what was missing or wrong; `wrong` names it, and only then is sent
    nothing."""

    message: str | None
    sender_id: str | None
    wrong: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class SingleSms:
    """An SMS that was accepted, and the balance after it."""

    message_id: UUID
    cost: Decimal
    segments: int
    balance: Decimal


@dataclass(frozen=True, slots=True)
class BulkSms:
    """A bulk that was accepted, the balance after it, and who gets nothing: `invalid` as given, `suppressed` as
    E.164."""

    run: Accepted
    balance: Decimal
    invalid: list[str]
    suppressed: list[str]


@dataclass(slots=True)
class _Checks:
    """What was found about a request, and what is wrong with it so far, by field."""

    wrong: dict[str, list[str]]
    segments: int = 0
    sender: SenderId | None = None

    def refuse(self, field: str, message: str) -> None:
        self.wrong.setdefault(field, []).append(message)


def send_single_sms(session: Session, organization_id: UUID, recipient: str | None, request: SmsRequest) -> SingleSms:
    """Send one SMS. Raises InvalidInput with every wrong field, and InsufficientCredits."""
    checks = _check(session, organization_id, request)
    number = None if recipient is None else parse_phone(recipient)
    prices = {} if number is None else sms_prices(session, organization_id, [number])
    if number is not None and number not in prices:
        checks.refuse("recipient", _NO_PRICE)
    elif number is not None and suppressed_among(session, organization_id, "sms", [number]):
        checks.refuse("recipient", _SUPPRESSED)
    elif number is None and recipient is not None:
        checks.refuse("recipient", _NOT_A_NUMBER)
    content_id = _store(session, organization_id, request, checks, messages=1)
    assert number is not None
    message = NewMessage(number, content_id, sms_cost(checks.segments, prices[number]), segments=checks.segments)
    id_ = accept_single(session, organization_id, "sms", message)
    return SingleSms(id_, message.cost, checks.segments, read_balance(session, organization_id).balance)


def send_bulk_sms(
    session: Session,
    organization_id: UUID,
    recipients: Sequence[str] | None,
    request: SmsRequest,
    settings: Settings,
) -> BulkSms:
    """Send the same SMS once to each number. Raises InvalidInput with every wrong field, and InsufficientCredits."""
    checks = _check(session, organization_id, request)
    parsed = _parsed(recipients or [])
    prices = sms_prices(session, organization_id, dict.fromkeys(parsed.values()))
    invalid = [text for text in recipients or [] if parsed.get(text) not in prices]
    numbers = dict.fromkeys(parsed[text] for text in recipients or [] if parsed.get(text) in prices)
    suppressed = suppressed_among(session, organization_id, "sms", list(numbers))
    receiving = [number for number in numbers if number not in suppressed]
    if recipients is not None and not receiving:
        checks.refuse("recipients", _ALL_SUPPRESSED if numbers else _NONE_VALID)
    content_id = _store(session, organization_id, request, checks, messages=len(receiving))
    costs = {price: sms_cost(checks.segments, price) for price in set(prices.values())}
    messages = [NewMessage(number, content_id, costs[prices[number]], segments=checks.segments) for number in receiving]
    run = accept_run(session, organization_id, RunKind.BULK, messages, settings)
    balance = read_balance(session, organization_id).balance
    return BulkSms(run, balance, invalid, [number for number in numbers if number in suppressed])


def _check(session: Session, organization_id: UUID, request: SmsRequest) -> _Checks:
    """Everything about a request but whom it goes to."""
    checks = _Checks({field: list(messages) for field, messages in request.wrong.items()})
    if request.message is not None:
        try:
            checks.segments = checked_segments(request.message, "message")
        except InvalidInput as error:
            checks.wrong |= error.errors
    if "sender_id" not in checks.wrong:
        name = request.sender_id and (parse_sender_id(request.sender_id) or request.sender_id)
        try:
            checks.sender = sender_to_use(session, organization_id, name)
        except InvalidInput as error:
            checks.wrong |= error.errors
    return checks


def _parsed(texts: Sequence[str]) -> dict[str, str]:
    """The valid ones of the texts, and their numbers as E.164."""
    found = parse_phones(pl.Series(texts, dtype=pl.String)).drop_nulls("phone")
    return dict(zip(found["text"], found["phone"], strict=True))


def _store(session: Session, organization_id: UUID, request: SmsRequest, checks: _Checks, *, messages: int) -> UUID:
    """Store the content, and count the messages of its sender; the content's id. Raises InvalidInput."""
    if checks.wrong:
        raise InvalidInput(checks.wrong)
    assert request.message is not None
    assert checks.sender is not None
    try:
        count_messages(session, organization_id, checks.sender.id, messages)
    except NotFound:  # deleted since it was looked for
        raise InvalidInput({"sender_id": [_SENDER_GONE]}) from None
    content = FrozenSms(request.message, checks.sender.sender_id)
    values = {"channel": "sms", "text": content.text, "sender_id": content.sender_id}
    return store_content(session, organization_id, content.hash, values)

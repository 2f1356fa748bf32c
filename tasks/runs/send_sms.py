"""SMS that a request sends at once: what it asks for is checked as a whole, priced, and accepted.

Their texts are literal: braces are no merge tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import polars as pl
from psycopg import OperationalError
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.lifecycle import RunKind
from models.rules.phone import parse_international
from models.rules.pricing import sms_cost
from models.rules.sender_id import parse_sender_id
from models.rules.sms import checked_segments
from models.session import DATABASE_AWAY
from models.settings import Settings
from models.store.ledger import read_balance
from models.store.messages import suppressed_among
from models.store.outgoing import NewMessage
from models.store.prices import sms_prices
from models.store.sender_ids import no_sender
from models.store.sms import SmsTerms, read_sms_terms, store_sms_content
from models.store.sms_together import PreparedSms, write_sms_together
from tasks.audience.phones import parse_phones
from tasks.content.sms import FrozenSms
from tasks.runs.accept_messages import Accepted, accept_run, accept_single

NOT_A_NUMBER = "The recipient field must be a valid phone number in international format, such as +37061234567."
NO_PRICE = "The recipient field must be a phone number of a country that messages can be sent to."
_SUPPRESSED = "The recipient is suppressed: no messages may be sent to it."
_NONE_VALID = "The recipients field must have a valid phone number of a country that messages can be sent to."
_ALL_SUPPRESSED = "The recipients are all suppressed: no messages may be sent to them."


@dataclass(frozen=True, slots=True)
class SmsRequest:
    """The fields that single and bulk have. None is what was missing or wrong; `wrong` names it, and only then is sent
    nothing."""

    message: str | None
    sender_id: str | None
    wrong: Mapping[str, Sequence[str]]

    @property
    def sender_name(self) -> str | None:
        """The sender ID as it is stored, if it is one."""
        return self.sender_id and (parse_sender_id(self.sender_id) or self.sender_id)


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
    """What is wrong with a request so far, by field; and of its text, when it is right, the segments."""

    wrong: dict[str, list[str]]
    segments: int = 0

    def refuse(self, field: str, message: str) -> None:
        self.wrong.setdefault(field, []).append(message)

    def end(self) -> None:
        """Raises InvalidInput when anything is wrong."""
        if self.wrong:
            raise InvalidInput(self.wrong)


@dataclass(frozen=True, slots=True)
class SingleSms:
    """An SMS that a request asks for, and what can be said of it without looking anything up. `number` is the
    recipient as E.164, if it is one."""

    recipient: str | None
    request: SmsRequest
    number: str | None
    segments: int
    wrong: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class SentSms:
    """A single SMS that was written, what it cost, and the balance after it."""

    message_id: UUID
    cost: Decimal
    segments: int
    balance: Decimal


def check_single_sms(recipient: str | None, request: SmsRequest) -> SingleSms:
    """The SMS that a request asks for. What is wrong with it is said when it is sent, with what is then found."""
    checks = _check(request)
    number = None if recipient is None else parse_international(recipient)
    return SingleSms(recipient, request, number, checks.segments, checks.wrong)


def send_single_sms(session: Session, organization_id: UUID, single: SingleSms) -> SentSms:
    """Send one SMS, in the transaction of the request. Raises InvalidInput with every wrong field, and
    InsufficientCredits."""
    [terms] = read_sms_terms(session, organization_id, [(single.request.sender_name, single.number)])
    sms = _prepared(single, terms)
    content_id = store_sms_content(session, organization_id, sms.hash, sms.text, sms.sender_id)
    message = NewMessage(sms.recipient, content_id, sms.cost, segments=sms.segments)
    with _sender_is_there(single.request):
        paid = accept_single(session, organization_id, "sms", message, sender=sms.sender)
    return SentSms(paid.message_id, sms.cost, sms.segments, paid.balance)


def send_sms_together(
    session: Session, organization_id: UUID, singles: Sequence[SingleSms]
) -> list[SentSms | Exception]:
    """Send SMS of several requests, those of a sender in a transaction of their own; for each what it came to.

    Or why it was not sent: InvalidInput with every wrong field, InsufficientCredits, or OperationalError where nobody
    knows: Postgres went away. `session` is one of `Database.reading_on`.
    """
    terms = read_sms_terms(session, organization_id, [(each.request.sender_name, each.number) for each in singles])
    answers: list[SentSms | Exception] = []
    by_sender: dict[UUID, list[tuple[int, PreparedSms]]] = {}
    for single, found in zip(singles, terms, strict=True):
        try:
            sms = _prepared(single, found)
        except InvalidInput as error:
            answers.append(error)
        else:
            by_sender.setdefault(sms.sender, []).append((len(answers), sms))
            answers.append(NotFound())
    for together in by_sender.values():
        written = _write_together(session, organization_id, [sms for _, sms in together])
        for (place, _), answer in zip(together, written, strict=True):
            is_gone = isinstance(answer, NotFound)
            answers[place] = no_sender(singles[place].request.sender_id) if is_gone else answer
    return answers


def _write_together(session: Session, organization_id: UUID, sms: Sequence[PreparedSms]) -> list[SentSms | Exception]:
    try:
        answers = write_sms_together(session, organization_id, sms)
    except DATABASE_AWAY as error:  # it may have been committed: whoever tried again would send twice
        return [OperationalError(str(error)) for _ in sms]
    return [
        SentSms(each.id, each.cost, each.segments, answer) if isinstance(answer, Decimal) else answer
        for each, answer in zip(sms, answers, strict=True)
    ]


def _prepared(single: SingleSms, terms: SmsTerms) -> PreparedSms:
    checks = _Checks({field: list(messages) for field, messages in single.wrong.items()}, single.segments)
    if terms.sender is None and "sender_id" not in checks.wrong:
        checks.wrong |= no_sender(single.request.sender_id).errors
    if single.number is None and single.recipient is not None:
        checks.refuse("recipient", NOT_A_NUMBER)
    elif single.number is not None and terms.price is None:
        checks.refuse("recipient", NO_PRICE)
    elif terms.is_suppressed:
        checks.refuse("recipient", _SUPPRESSED)
    checks.end()
    assert single.number is not None
    assert terms.price is not None
    assert terms.sender is not None
    assert terms.sender_id is not None
    content = _content(single.request, terms.sender_id)
    cost = sms_cost(checks.segments, terms.price)
    return PreparedSms(
        terms.sender, single.number, content.hash, content.text, content.sender_id, cost, checks.segments
    )


def send_bulk_sms(
    session: Session,
    organization_id: UUID,
    recipients: Sequence[str] | None,
    request: SmsRequest,
    settings: Settings,
) -> BulkSms:
    """Send the same SMS once to each number. Raises InvalidInput with every wrong field, and InsufficientCredits."""
    checks = _check(request)
    [terms] = read_sms_terms(session, organization_id, [(request.sender_name, None)])
    if terms.sender is None and "sender_id" not in checks.wrong:
        checks.wrong |= no_sender(request.sender_id).errors
    given = recipients or []
    parsed = _parsed(given)
    prices = sms_prices(session, organization_id, dict.fromkeys(parsed.values()))
    numbers = list(dict.fromkeys(parsed[text] for text in given if parsed.get(text) in prices))
    suppressed = suppressed_among(session, organization_id, "sms", numbers)
    receiving = [number for number in numbers if number not in suppressed]
    if recipients is not None and not receiving:
        checks.refuse("recipients", _ALL_SUPPRESSED if numbers else _NONE_VALID)
    checks.end()
    assert terms.sender_id is not None
    content = _content(request, terms.sender_id)
    content_id = store_sms_content(session, organization_id, content.hash, content.text, content.sender_id)
    costs = {price: sms_cost(checks.segments, price) for price in set(prices.values())}
    messages = [NewMessage(number, content_id, costs[prices[number]], segments=checks.segments) for number in receiving]
    with _sender_is_there(request):
        run = accept_run(session, organization_id, RunKind.BULK, messages, settings, sender=terms.sender)
    return BulkSms(
        run,
        read_balance(session, organization_id).balance,
        [text for text in given if parsed.get(text) not in prices],
        [number for number in numbers if number in suppressed],
    )


def _check(request: SmsRequest) -> _Checks:
    """What can be said of a request without looking anything up."""
    checks = _Checks({field: list(messages) for field, messages in request.wrong.items()})
    if request.message is not None:
        try:
            checks.segments = checked_segments(request.message, "message")
        except InvalidInput as error:
            checks.wrong |= error.errors
    return checks


def _parsed(texts: Sequence[str]) -> dict[str, str]:
    """The valid ones of the texts, and their numbers as E.164."""
    found = parse_phones(pl.Series(texts, dtype=pl.String)).drop_nulls("phone")
    return dict(zip(found["text"], found["phone"], strict=True))


def _content(request: SmsRequest, sender_id: str) -> FrozenSms:
    assert request.message is not None
    return FrozenSms(request.message, sender_id)


@contextmanager
def _sender_is_there(request: SmsRequest) -> Iterator[None]:
    """The sender may be deleted between the look at it and the count of its messages. Raises InvalidInput then."""
    try:
        yield
    except NotFound:
        raise no_sender(request.sender_id) from None

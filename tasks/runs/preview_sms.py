"""An SMS as it would go out, and how it could be shorter. Nothing is sent or stored."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.phone import parse_international
from models.rules.pricing import sms_cost
from models.rules.sender_id import parse_sender_id
from models.rules.sms_advice import Advice, advise
from models.store.sender_ids import no_sender
from models.store.sms import read_sms_terms
from tasks.runs.send_sms import NO_PRICE, NOT_A_NUMBER


@dataclass(frozen=True, slots=True)
class SmsPreview:
    """What a text comes to. Costs are None without a recipient; `sender_id` None: the organization has none to use."""

    advice: Advice
    sender_id: str | None
    cost: Decimal | None
    suggested_cost: Decimal | None


def preview_sms(
    session: Session, organization_id: UUID, message: str, *, sender_id: str | None, recipient: str | None
) -> SmsPreview:
    """The text to that recipient (without one, without a price) from that sender (left out, the default). Raises
    InvalidInput for a sender or a recipient that could not be used."""
    wrong: dict[str, list[str]] = {}
    number = None if recipient is None else parse_international(recipient)
    name = sender_id and (parse_sender_id(sender_id) or sender_id)
    [terms] = read_sms_terms(session, organization_id, [(name, number)])
    if name is not None and terms.sender is None:
        wrong |= no_sender(name).errors
    if recipient is not None and terms.price is None:
        wrong["recipient"] = [NOT_A_NUMBER if number is None else NO_PRICE]
    if wrong:
        raise InvalidInput(wrong)
    advice = advise(message)

    def cost(segments: int) -> Decimal | None:
        return None if terms.price is None else sms_cost(segments, terms.price)

    return SmsPreview(advice, terms.sender_id, cost(advice.segments), cost(advice.suggested_segments))

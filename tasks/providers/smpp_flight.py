"""A message on its way over SMPP: its parts, what was answered to each, and what that makes of the message."""

from collections.abc import Sequence

from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.message_queue import MessageCall
from tasks.providers.smpp_pdu import Address, ShortMessage, message_body
from tasks.providers.smpp_text import text_parts

_INTERNATIONAL, _NETWORK_SPECIFIC, _ALPHANUMERIC = 1, 3, 5  # types of number, 5.2.5
_ISDN, _UNKNOWN = 1, 0  # numbering plans, 5.2.6
_SHORTEST_NUMBER = 7  # digits with a country code; a short code has fewer
_RECEIPT = 1  # registered_delivery: one when it is delivered or has failed, 5.2.17


class Flight:
    """One message of an open call. `outcomes` has a place for each part."""

    __slots__ = ("at", "bodies", "call", "index", "outcomes", "tries")

    def __init__(self, call: MessageCall, index: int, bodies: list[bytes]) -> None:
        self.call = call
        self.index = index
        self.bodies = bodies
        self.outcomes: list[Outcome | None] = [None] * len(bodies)
        self.at = 0.0  # when it was handed over, by the loop's clock
        self.tries = 0  # of parts that were refused for the moment

    def settle(self, outcome: Outcome) -> None:
        """Say what became of the message; the first word counts."""
        self.call.settle(self.index, outcome)


def bodies_of(message: OutgoingMessage) -> list[bytes]:
    """The submit_sm of a message, one for each segment. Raises ValueError (UnicodeError) for what cannot be written.

    A receipt is asked for with the last part alone. So there is one for each message, under one id, whoever receives
    it, with nothing to be remembered and added up.
    """
    source, destination = address_of(message.sender), address_of(message.recipient)
    parts = text_parts(message.content.decode(), message.id)
    last = len(parts) - 1
    return [
        message_body(
            ShortMessage(
                source, destination, part.payload, part.esm_class, part.data_coding, _RECEIPT if no == last else 0
            )
        )
        for no, part in enumerate(parts)
    ]


def address_of(text: str) -> Address:
    """A number in E.164, a short code, or a name."""
    digits = text.removeprefix("+")
    if not digits.isdecimal():
        return Address(_ALPHANUMERIC, _UNKNOWN, text)
    if text.startswith("+") or len(digits) >= _SHORTEST_NUMBER:
        return Address(_INTERNATIONAL, _ISDN, digits)
    return Address(_NETWORK_SPECIFIC, _UNKNOWN, digits)


def number_of(address: Address) -> str:
    """E.164, a short code or a name from an address that came in."""
    text = address.text.strip()
    digits = text.removeprefix("+")
    is_number = digits.isdecimal() and (address.ton == _INTERNATIONAL or len(digits) >= _SHORTEST_NUMBER)
    return f"+{digits}" if is_number else text


def verdict(outcomes: Sequence[Outcome]) -> Outcome:
    """What a message's parts make of it.

    Accepted when all parts were. Where none was taken, it is refused as they were: for good if one is. Where some were
    taken and others not, or nobody knows, it is uncertain: a phone waits for the rest and may show what it has, so it
    was not refused, and a second try by itself could be a second SMS; nor can it be read, so it was not accepted.
    """
    kinds = {outcome.kind for outcome in outcomes}
    if kinds == {OutcomeKind.ACCEPTED}:
        return outcomes[-1]
    if len(outcomes) == 1:
        return outcomes[0]
    if kinds & {OutcomeKind.ACCEPTED, OutcomeKind.UNCERTAIN}:
        taken = sum(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)
        other = next(outcome for outcome in outcomes if outcome.kind is not OutcomeKind.ACCEPTED)
        code = other.code if other.kind is OutcomeKind.UNCERTAIN else "partial"
        detail = f"{taken} of {len(outcomes)} parts were taken; of another: {other.detail}"[:500]
        return Outcome(OutcomeKind.UNCERTAIN, code=code, detail=detail)
    worst = (OutcomeKind.UNSENT, OutcomeKind.REJECTED, OutcomeKind.DEFERRED)
    return min(outcomes, key=lambda outcome: worst.index(outcome.kind))


def may_be_completed(outcomes: Sequence[Outcome]) -> bool:
    """Whether some parts were taken and all others were refused for the moment: then these are sent again at once."""
    kinds = {outcome.kind for outcome in outcomes}
    return kinds == {OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED}

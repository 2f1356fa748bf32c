"""SMS that people write back: whose they are, and STOP and its kin.

An SMS belongs to

1. the organization whose own account with the provider it came by;
2. else the organizations that have the number it was written to as a sender ID; of several, those that wrote to that
   person from it lately, and all where none did;
3. else, to a number of the platform: the organizations that wrote to that person from it lately; where none did, since
   their names cannot be answered and the number stands in their texts, all that wrote to that person lately.

What may be out, but that no provider has taken for certain, makes an organization one of those that wrote, and no other
less so. Of two readings it is the one that leaves nobody written to who said STOP. See
docs/decisions/0023-sms-replies.md.
"""

import logging
import time
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.sms_keywords import Keyword, keyword_of
from models.session import Database
from models.store.inbound_messages import Inbound, settle_inbound, take_inbound
from models.store.sms_replies import (
    NewReply,
    Written,
    add_replies,
    follow_last_word,
    owners_of,
    park_farewells,
    written_to,
)
from models.store.suppressing import suppress_alone
from tasks.webhooks.telling import tell_replies

log = logging.getLogger(__name__)

BATCH = 500


def apply_replies(database: Database, *, seconds: float = 0.5, limit: int = BATCH) -> int:
    """Deal with inbound SMS that wait, batch by batch, for about so long; returns how many."""
    begun = time.monotonic()
    total = 0
    while True:
        with database.transaction(None) as session:
            taken = _apply_batch(session, limit)
        total += taken
        if taken < limit or time.monotonic() - begun > seconds:
            return total


def _apply_batch(session: Session, limit: int) -> int:
    inbound = take_inbound(session, limit=limit)
    if not inbound:
        return 0
    written = written_to(session, [each.sender for each in inbound])
    owners = owners_of(session, [each.recipient for each in inbound])
    read = [replies_of(each, owners, written) for each in inbound]
    if strangers := read.count([]):
        log.info("%s inbound SMS are for no organization that is known.", strangers)
    replies = [reply for of_one in read for reply in of_one]
    said = {(each.organization_id, each.sender) for each in replies if each.keyword in (Keyword.STOP, Keyword.START)}
    if said:
        # Of a STOP and a START at once each must see the other.
        suppress_alone(session)
    tell_replies(session, add_replies(session, replies), replies)
    follow_last_word(session, said)
    park_farewells(session, [each for each in replies if each.keyword is Keyword.STOP])
    settle_inbound(session, [each.id for each in inbound])
    return len(inbound)


def replies_of(inbound: Inbound, owners: Collection[tuple[str, UUID]], written: Sequence[Written]) -> list[NewReply]:
    """The reply as each organization reads that it is for; none where nobody knows whose it is."""
    to_person = [each for each in written if each.recipient == inbound.sender]
    from_number = [each for each in to_person if each.sender_id == inbound.recipient]
    organizations = _addressees(inbound, owners, to_person, from_number)
    keyword = keyword_of(inbound.text, inbound.sender)
    return [
        NewReply(
            organization,
            inbound.sender,
            inbound.recipient,
            inbound.text,
            keyword,
            _last(from_number, organization) or _last(to_person, organization),
            inbound.occurred_at,
        )
        for organization in sorted(organizations)
    ]


def _addressees(
    inbound: Inbound,
    owners: Collection[tuple[str, UUID]],
    to_person: Sequence[Written],
    from_number: Sequence[Written],
) -> set[UUID]:
    if inbound.organization_id is not None:
        return {inbound.organization_id}
    wrote_from_it = {each.organization_id for each in from_number}
    certainly = {each.organization_id for each in from_number if each.is_sent}
    if own := {organization for number, organization in owners if number == inbound.recipient}:
        return own & wrote_from_it if own & certainly else own
    return wrote_from_it if certainly else {each.organization_id for each in to_person}


def _last(written: Sequence[Written], organization_id: UUID) -> UUID | None:
    return max((each.message_id for each in written if each.organization_id == organization_id), default=None)

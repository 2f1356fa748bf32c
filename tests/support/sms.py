"""What an SMS campaign needs, for tests of the engine: people with numbers, a sender ID, and a witness of what went."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from models.rules.ids import new_id
from models.store.sender_ids import add_verified_sender_id
from models.tables import Contact, ContactListMember
from tasks.providers.base import Outcome, OutgoingMessage
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.until import NEVER, Until
from tests.support.engine import Engine

SENDER = "EXOSMS"
REFUSED = "+12015550150"  # the sandbox refuses it
UNCERTAIN = "+12015550153"  # says nothing of this one
UNDELIVERED, EXPIRED = "+12015550157", "+12015550158"  # and reports that of these


def number(index: int) -> str:
    """A Latvian mobile number."""
    return f"+3712{index:07}"


def add_people(engine: Engine, people: Sequence[Mapping[str, object]]) -> list[UUID]:
    """Contacts on the engine's list; keys are columns of `contacts`. Returns their ids."""
    same = {"organization_id": engine.organization_id}
    rows = [{"email": f"p{new_id()}@example.com", **person, **same, "id": new_id()} for person in people]
    with engine.database.transaction(None) as session:
        for row in rows:  # their keys differ
            session.execute(insert(Contact), row)
        members = [{**same, "list_id": engine.list_id, "contact_id": row["id"]} for row in rows]
        session.execute(insert(ContactListMember), members)
        session.execute(
            text("UPDATE organizations SET contacts_count = contacts_count + :added WHERE id = :organization_id"),
            {**same, "added": len(rows)},
        )
        session.execute(
            text("UPDATE contact_lists SET contacts_count = contacts_count + :added WHERE id = :list_id"),
            {"list_id": engine.list_id, "added": len(rows)},
        )
    return [row["id"] for row in rows]


def add_sender(engine: Engine, name: str = SENDER) -> UUID:
    """A verified sender ID; the first is the default."""
    with engine.database.transaction(None) as session:
        return add_verified_sender_id(session, engine.organization_id, name).id


def sms_campaign(engine: Engine, message: str = "Hi {{ first_name }}", **values: object) -> UUID:
    """A draft to everybody on the list."""
    chosen = {"channel": "sms", "subject": None, "html_content": None, "text_content": message, **values}
    return engine.campaign(**chosen)


def block(engine: Engine, phone: str) -> None:
    """Put a number on the suppression list."""
    with engine.database.transaction(None) as session:
        session.execute(
            text(
                "INSERT INTO suppressions (organization_id, id, channel, recipient, reason)"
                " VALUES (:organization, :id, 'sms', :phone, 'unsubscribed')"
            ),
            {"organization": engine.organization_id, "id": new_id(), "phone": phone},
        )


class Witness:
    """Sees what the sandbox is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: dict[UUID, OutgoingMessage] = {}
        send = SandboxProvider.send

        async def watched(
            provider: SandboxProvider, messages: Sequence[OutgoingMessage], until: Until = NEVER
        ) -> list[Outcome]:
            self.messages |= {message.id: message for message in messages}
            return await send(provider, messages, until)

        monkeypatch.setattr(SandboxProvider, "send", watched)

    def texts(self) -> dict[str, str]:
        """Number → text."""
        return {message.recipient: message.content.decode() for message in self.messages.values()}

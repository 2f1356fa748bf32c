"""An email that was sent, and the links in it, as its recipient has them."""

from dataclasses import dataclass
from uuid import UUID

from flask import Flask
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from models.link_keys import link_keys
from models.rules.link_tokens import MessageLinks, content_mark
from models.session import Database
from models.settings import Settings
from models.tables import Message
from tasks.reports.apply import apply_due

READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.2.0"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to somebody, which was accepted an hour ago."""

    app: Flask
    engine: Database
    settings: Settings
    message_id: UUID
    content_id: UUID
    organization_id: UUID

    @property
    def links(self) -> MessageLinks:
        return link_keys(self.settings).message_links(self.message_id, content_mark(self.content_id))

    @property
    def pixel(self) -> str:
        return f"/t/o/{self.links.open}"

    @property
    def leave(self) -> str:
        return f"/u/{self.links.unsubscribe}"

    def link(self, url: str = "https://shop.example/") -> str:
        return f"/t/c/{self.links.click}{link_keys(self.settings).address(url, content_mark(self.content_id))}"

    def ask(self, path: str, method: str = "GET", **options: object) -> TestResponse:
        """A request without a token of the API and without cookies."""
        headers = {"User-Agent": READER, **options.pop("headers", {})}  # type: ignore[dict-item]
        client = self.app.test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers, **options)  # type: ignore[arg-type]

    def told(self) -> list[tuple[str, dict[str, object]]]:
        """Kinds and payloads of what is kept and not applied yet."""
        self.app.extensions["exosend"].recorder.flush()
        with self.engine.transaction(None) as session:
            rows = session.execute(
                text("SELECT kind, payload FROM incoming_events WHERE message_id = :id ORDER BY id"),
                {"id": self.message_id},
            )
            return [(row.kind, row.payload) for row in rows]

    def apply(self) -> Message:
        """Have the courier apply all that was told; the message as it is then."""
        self.app.extensions["exosend"].recorder.flush()
        apply_due(self.engine)
        with self.engine.transaction(None) as session:
            message = session.query(Message).filter(Message.id == self.message_id).one()
            session.expunge(message)
            return message


def accepted(app: Flask, engine: Database, settings: Settings, message_id: str, *, seconds_ago: int = 3600) -> Letter:
    """The message, accepted by its provider so long ago."""
    with engine.transaction(None) as session:
        row = session.execute(
            update(Message)
            .where(Message.id == UUID(message_id))
            .values(state="accepted", sent_at=text(f"now() - interval '{seconds_ago} seconds'"))
            .returning(Message.organization_id, Message.content_id)
        ).one()
    return Letter(app, engine, settings, UUID(message_id), row.content_id, row.organization_id)

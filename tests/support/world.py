"""An organization that has one of everything, in the state that a request needs: for requests made from examples.

The examples of the documentation name things by sample ids (api/documentation/samples.py), one for each kind of thing.
`World.real` puts ids of things that are there in their place.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx2
from sqlalchemy import text

from api.documentation.samples import SAMPLE_ADDRESS
from models.rules.ids import new_id
from models.rules.lifecycle import RunKind
from models.session import Database
from models.settings import Settings
from models.store.contents import store_content
from models.store.organizations import add_verified_domain, create_organization, create_token, top_up
from models.store.outgoing import NewMessage
from models.store.sender_ids import add_verified_sender_id
from tasks.runs.accept_messages import accept_run, accept_single
from tests.support.examples import sample_ids
from tests.support.webhooks import ENDPOINT, queue_test_event, remove_endpoints

SENDER = "EXOCLASS"
DOMAIN = "example.com"
PHONE = "+37061234567"
_COST = Decimal("0.01")
_CSV = b"email,first_name,last_name\nada@example.net,Ada,Lovelace\n"

# The state that a move starts from; all others start from a draft.
_STATES = {"pause": "sending", "resume": "paused", "unschedule": "scheduled", "cancel": "scheduled"}


@dataclass(frozen=True, slots=True)
class World:
    """The organization, with whom it talks to (`url`) and as whom. Whoever creates it closes it."""

    settings: Settings
    engine: Database
    url: str
    organization_id: UUID
    token: str
    client: httpx2.Client

    @classmethod
    def create(cls, settings: Settings, engine: Database, url: str) -> "World":
        """With credits, a verified domain, and a limit of requests that nobody reaches."""
        with engine.transaction(None) as session:
            organization = create_organization(session, name=uuid4().hex, rate_limit=10_000_000)
            top_up(session, organization.id, Decimal(1_000_000), reference=uuid4().hex)
            token = create_token(session, organization.id, user_id=None, name="tests")
            add_verified_domain(session, organization.id, DOMAIN)
        headers = {"Authorization": f"Bearer {token.text}"}
        client = httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=20, trust_env=False)
        return cls(settings, engine, url, organization.id, token.text, client)

    def real(self, method: str, path: str, request: str) -> str:
        """A request's text with ids of things that are there; `path` is the operation's."""
        self.prepare(method, path)
        for sample, kind in sample_ids().items():
            if sample in request:
                request = request.replace(sample, self.make(kind, method, path))
        return request

    def prepare(self, method: str, path: str) -> None:
        """What an operation needs that its request does not name by an id."""
        if path.startswith("/api/v1/suppressions/"):
            self._post("/suppressions", {"email": SAMPLE_ADDRESS})
        if path.startswith("/api/v1/webhook-endpoints"):  # an organization has few
            remove_endpoints(self.engine, self.organization_id)
        if not path.startswith(("/api/v1/sms", "/api/v1/sender-ids")):
            return
        with self.engine.transaction(self.organization_id) as session:
            known = session.execute(
                text("SELECT 1 FROM sender_ids WHERE organization_id = :id AND sender_id = :name"),
                {"id": self.organization_id, "name": SENDER},
            ).one_or_none()
            asks_for_it = (method, path) == ("post", "/api/v1/sender-ids")
            if known and asks_for_it:
                session.execute(
                    text("DELETE FROM sender_ids WHERE organization_id = :id AND sender_id = :name"),
                    {"id": self.organization_id, "name": SENDER},
                )
            elif not known and not asks_for_it:
                add_verified_sender_id(session, self.organization_id, SENDER)

    def make(self, kind: str, method: str, path: str) -> str:
        """The id of a thing as an operation needs it: its own if the operation is done to it."""
        makers = {
            "contacts": lambda: self._made("/contacts", {"email": f"{uuid4().hex}@example.net"}),
            "contact-lists": self._contact_list,
            "contacts/imports": self._import,
            "email-templates": lambda: self._made(
                "/email-templates", {"name": "T", "subject_template": "S", "html_content": "<p>x</p>"}
            ),
            "email-domains": lambda: self._domain(is_own=path.startswith("/api/v1/email-domains")),
            "sender-ids": lambda: self._sender(is_own=path.startswith("/api/v1/sender-ids")),
            "campaigns": lambda: self._campaign("email", _STATES.get(path.rsplit("/", 1)[1], "draft")),
            "sms/campaigns": lambda: self._campaign("sms", _STATES.get(path.rsplit("/", 1)[1], "draft")),
            "sms": lambda: self._message("sms"),
            "emails": lambda: self._message("email"),
            "emails/batch": self._batch,
            "webhook-endpoints": lambda: self._made("/webhook-endpoints", ENDPOINT),
            "deliveries": lambda: queue_test_event(self.call),
        }
        return str(makers[kind]()) if kind in makers else str(uuid4())

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A request of the organization; `path` is below /api/v1."""
        return self.client.request(method, path, **options)

    def _post(self, path: str, body: object, **options: Any) -> dict[str, Any]:
        answer = self.call("POST", path, **({"json": body} if body is not None else {}), **options)
        assert answer.is_success, (path, answer.text)
        data: dict[str, Any] = answer.json()["data"]
        return data

    def _made(self, path: str, body: object) -> str:
        return str(self._post(path, body)["id"])

    def _contact_list(self) -> str:
        list_id = self._made("/contact-lists", {"name": uuid4().hex})
        body = {"email": f"{uuid4().hex}@example.net", "phone": PHONE}
        members = {"contact_ids": [self._made("/contacts", body)]}
        assert self.call("POST", f"/contact-lists/{list_id}/contacts", json=members).is_success
        return list_id

    def _import(self) -> str:
        return str(self._post("/contacts/import", None, files={"file": ("contacts.csv", _CSV)})["import_id"])

    def _domain(self, *, is_own: bool) -> UUID:
        with self.engine.transaction(None) as session:
            if is_own:
                return add_verified_domain(session, self.organization_id, f"{uuid4().hex}.example.com").id
            found = text("SELECT id FROM email_domains WHERE organization_id = :id AND domain = :domain")
            return UUID(str(session.execute(found, {"id": self.organization_id, "domain": DOMAIN}).scalar_one()))

    def _sender(self, *, is_own: bool) -> UUID:
        with self.engine.transaction(None) as session:
            if is_own:
                return add_verified_sender_id(session, self.organization_id, f"S{uuid4().hex[:9]}").id
            found = text("SELECT id FROM sender_ids WHERE organization_id = :id AND sender_id = :name")
            return UUID(str(session.execute(found, {"id": self.organization_id, "name": SENDER}).scalar_one()))

    def _campaign(self, channel: str, status: str) -> UUID:
        """A campaign in a state, with a run as far if it has one."""
        campaign, run = new_id(), new_id() if status in ("sending", "paused") else None
        values = {
            "id": campaign,
            "run": run,
            "organization": self.organization_id,
            "channel": channel,
            "status": status,
            "lists": [UUID(self._contact_list())],
            "sender": self._sender(is_own=False) if channel == "sms" else None,
        }
        with self.engine.transaction(None) as session:
            session.execute(
                text("""
                    INSERT INTO campaigns (id, organization_id, channel, name, status, subject, html_content,
                                           text_content, target_list_ids, sender_id_id, run_id, scheduled_at)
                    VALUES (:id, :organization, :channel, 'C', :status, 'S', '<p>x</p>', 'x', :lists, :sender, :run,
                            CASE WHEN :status = 'scheduled' THEN now() + interval '1 day' END)
                """),
                values,
            )
            if run:
                session.execute(
                    text("""
                        INSERT INTO runs (id, organization_id, kind, state, campaign_id, started_by)
                        VALUES (:run, :organization, 'campaign', :status, :id, 'api')
                    """),
                    values,
                )
        return campaign

    def _message(self, channel: str) -> UUID:
        with self.engine.transaction(None) as session:
            return accept_single(session, self.organization_id, channel, self._new_message(session, channel)).message_id

    def _batch(self) -> UUID:
        with self.engine.transaction(None) as session:
            messages = [self._new_message(session, "email") for _ in range(2)]
            return accept_run(session, self.organization_id, RunKind.BATCH, messages, self.settings).run_id

    def _new_message(self, session: Any, channel: str) -> NewMessage:
        content = (
            {"channel": "sms", "text": "Hello", "sender_id": SENDER}
            if channel == "sms"
            else {"channel": "email", "subject": "S", "html": "<p>x</p>", "text": "x", "from_email": f"hello@{DOMAIN}"}
        )
        hash_ = hashlib.sha256(repr(content).encode()).digest()
        content_id = store_content(session, self.organization_id, hash_, content)
        recipient = PHONE if channel == "sms" else f"{uuid4().hex}@example.net"
        return NewMessage(recipient, content_id, _COST, segments=1 if channel == "sms" else None)

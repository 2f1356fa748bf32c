"""An organization with contacts and a campaign, and the steps of a run, for tests of the engine."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert, select, text, update

from deployments.sink_log import read_log
from models.rules.ids import new_id
from models.rules.lifecycle import MessageState
from models.session import Database
from models.settings import Settings
from models.store.chunks import requeue_due
from models.store.organizations import add_verified_domain, create_organization, top_up
from models.store.runs import Totals, campaign_totals, find_run
from models.tables import (
    Campaign,
    Contact,
    ContactList,
    ContactListMember,
    LedgerEntry,
    Message,
    Organization,
    Run,
    Suppression,
)
from tasks.runs.accept import accept_campaign
from tasks.runs.close import Closed, close_run
from tasks.runs.plan import Planned, plan_campaign
from tasks.runs.reconcile import reconcile
from tasks.sending.sender import send_run
from tasks.sending.tally import Tally

DOMAIN = "acme.example.com"


@dataclass(slots=True)
class MailServer:
    """A running sink: its address for EXOSEND_SMTP_URL, and its log, the witness of what was accepted."""

    url: str
    log: Path

    def accepted(self) -> Counter[str]:
        """How often each recipient was accepted."""
        return read_log(self.log) if self.log.exists() else Counter()


@dataclass(slots=True)
class Engine:
    """The engine at work for one organization."""

    settings: Settings
    database: Database
    organization_id: UUID
    list_id: UUID
    recipients: list[str] = field(default_factory=list)

    @classmethod
    def create(
        cls,
        settings: Settings,
        database: Database,
        *,
        contacts: int = 0,
        credits_: str = "1000",
        people: Sequence[str] = (),
    ) -> "Engine":
        """An organization with a verified domain, credits, and as many contacts on one list, or those people."""
        names = people or [f"c{i}" for i in range(contacts)]
        with database.transaction(None) as session:
            organization = create_organization(session, name="Acme")
            top_up(session, organization.id, Decimal(credits_), reference="start")
            add_verified_domain(session, organization.id, DOMAIN)
            list_id = new_id()
            count = len(names)
            session.add(
                ContactList(organization_id=organization.id, id=list_id, name="Everybody", contacts_count=count)
            )
            session.execute(update(Organization).where(Organization.id == organization.id).values(contacts_count=count))
            session.flush()
            engine = cls(settings, database, organization.id, list_id)
            rows = [
                {
                    "organization_id": organization.id,
                    "id": new_id(),
                    "email": f"{name}@example.com",
                    "first_name": f"N{i}",
                }
                for i, name in enumerate(names)
            ]
            session.execute(insert(Contact), rows)
            members = [
                {"organization_id": organization.id, "list_id": list_id, "contact_id": row["id"]} for row in rows
            ]
            session.execute(insert(ContactListMember), members)
            engine.recipients = [str(row["email"]) for row in rows]
        return engine

    def another(self, name: str = "Globex") -> "Engine":
        """The same engine at work for another organization, which has credits and nobody to write to."""
        with self.database.transaction(None) as session:
            organization = create_organization(session, name=name)
            top_up(session, organization.id, Decimal(1000), reference="start")
        return Engine(self.settings, self.database, organization.id, self.list_id)

    def campaign(self, **values: object) -> UUID:
        """A draft to everybody on the list."""
        campaign_id = new_id()
        defaults: dict[str, object] = {
            "name": "News",
            "subject": "Hello {{ first_name }}",
            "html_content": "<p>Hello {{ first_name }}</p>",
            "target_list_ids": [self.list_id],
            "batch_size": 20,
        }
        with self.database.transaction(None) as session:
            row = Campaign(id=campaign_id, organization_id=self.organization_id, **{**defaults, **values})
            session.add(row)
        return campaign_id

    def accept(self, campaign_id: UUID) -> Run:
        """Start the campaign."""
        with self.database.transaction(self.organization_id) as session:
            return accept_campaign(session, self.organization_id, campaign_id, settings=self.settings, started_by="api")

    def plan(self, run: Run) -> Planned | None:
        """Plan it."""
        return plan_campaign(self.database, run.id, self.settings)

    def planned(self, **values: object) -> Run:
        """A campaign that is accepted and planned."""
        run = self.accept(self.campaign(**values))
        assert self.plan(run) is not None
        return run

    def send(self, run: Run, *, epoch: int = 1, stop: Callable[[], bool] = lambda: False) -> Tally:
        """Send what is free, here and now."""
        return send_run(self.database, self.settings, run.id, epoch, stop=stop)

    def send_in_thread(self, run: Run, *, epoch: int = 1, tally: Tally | None = None) -> threading.Thread:
        """Send in a thread that is started already."""
        thread = threading.Thread(
            target=send_run,
            args=(self.database, self.settings, run.id, epoch),
            kwargs={"stop": lambda: False, "tally": tally},
        )
        thread.start()
        return thread

    def drainer_process(
        self, run: Run, environment: dict[str, str], *, epoch: int = 1, within: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """A sender in a process of its own, as the courier starts it; `within`: see `mail_server`."""
        command = [*within, sys.executable, "-m", "deployments.drainer", str(run.id), str(epoch)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def close(self, run: Run) -> Closed | None:
        """End it, if nothing is left."""
        return close_run(self.database, run.id)

    def find(self, run_id: UUID) -> Run:
        """A run by its id."""
        with self.database.transaction(None) as session:
            return find_run(session, run_id)

    def run(self, run: Run) -> Run:
        """The run as it is now."""
        with self.database.transaction(None) as session:
            return find_run(session, run.id)

    def totals(self, run: Run) -> Totals:
        """Its counters."""
        with self.database.transaction(None) as session:
            return campaign_totals(session, self.organization_id, [run.id])[run.id]

    def states(self, run: Run) -> Counter[str]:
        """The states of its messages, counted anew."""
        with self.database.transaction(None) as session:
            return Counter(session.execute(select(Message.state).where(Message.run_id == run.id)).scalars())

    def status(self, run: Run) -> str:
        """The campaign's status."""
        with self.database.transaction(None) as session:
            return session.execute(select(Campaign.status).where(Campaign.id == run.campaign_id)).scalar_one()

    def balance(self) -> Decimal:
        """The balance."""
        with self.database.transaction(None) as session:
            return session.execute(
                select(Organization.balance).where(Organization.id == self.organization_id)
            ).scalar_one()

    def expire_leases(self, run: Run) -> int:
        """Let the time of all leases be over; how many there were."""
        with self.database.transaction(None) as session:
            expired = session.execute(
                text(
                    "UPDATE chunks SET lease_until = now() - interval '1 second'"
                    " WHERE run_id = :run AND state = 'leased' AND lease_until >= now() RETURNING no"
                ),
                {"run": run.id},
            ).all()
        return len(expired)

    def make_retries_due(self, run: Run) -> None:
        """Let the waits before second tries be over."""
        with self.database.transaction(None) as session:
            session.execute(text("UPDATE deferrals SET retry_at = now() WHERE run_id = :run"), {"run": run.id})

    def suppress(self, address: str) -> None:
        """Put an address on the suppression list."""
        with self.database.transaction(None) as session:
            session.add(
                Suppression(organization_id=self.organization_id, id=new_id(), recipient=address, reason="manual")
            )

    def requeue(self, run: Run) -> int:
        """Move due second tries into a new chunk; how many."""
        with self.database.transaction(None) as session:
            return requeue_due(session, run.id, limit=self.settings.chunk_size)

    def check_invariants(self, run: Run, accepted: Counter[str]) -> None:
        """The promises, with the mail server's log as the witness: nobody lost, nobody twice, every cent, counters."""
        states = self.states(run)
        totals = self.totals(run)
        self._check_everybody(run, accepted)
        assert max(accepted.values(), default=0) <= 1, "Somebody got it twice."
        counted = {
            "sent": states[MessageState.ACCEPTED],
            "failed": states[MessageState.FAILED],
            "suppressed": states[MessageState.SUPPRESSED],
            "cancelled": states[MessageState.CANCELLED],
            "uncertain": states[MessageState.UNCERTAIN],
        }
        assert {name: getattr(totals, name) for name in counted} == counted
        with self.database.transaction(None) as session:
            entries = session.execute(
                select(LedgerEntry.amount).where(LedgerEntry.organization_id == self.organization_id)
            ).scalars()
            assert sum(entries) == self.balance() >= 0
        reconciled = reconcile(self.database, self.organization_id)
        assert reconciled.is_clean, reconciled.summary

    def _check_everybody(self, run: Run, accepted: Counter[str]) -> None:
        with self.database.transaction(None) as session:
            rows = session.execute(select(Message.recipient, Message.state).where(Message.run_id == run.id)).all()
        assert len({row.recipient for row in rows}) == len(rows) == self.run(run).total_recipients
        for recipient, state in rows:
            if state == MessageState.ACCEPTED:
                assert accepted[recipient] == 1, f"{recipient} is accepted, and the mail server does not know it."
            elif state != MessageState.UNCERTAIN:
                assert accepted[recipient] == 0, f"{recipient} is {state}, and the mail server has it."

"""Emails and batches as their schemas show them."""

from collections.abc import Sequence
from typing import Any

from models.errors import InvalidInput
from models.rules.email_status import batch_status, shown_problem
from models.rules.ids import id_time
from models.rules.lifecycle import PUBLIC_STATUS, MessageState, RunState
from models.rules.rates import rate_number
from models.store.emails import SentEmail
from models.store.runs import Totals
from models.tables import Run
from tasks.content.merge_tags import parse_source
from tasks.content.rendering import Renderer, header_text
from tasks.runs.email_content import flat_values


def shown_emails(emails: Sequence[SentEmail]) -> list[dict[str, Any]]:
    """Emails, as EmailSchema has them."""
    return [_shown(email) for email in emails]


def _shown(email: SentEmail) -> dict[str, Any]:
    state = MessageState(email.state)
    code, text = shown_problem(state, email.error_code, email.error_message)
    return {
        "id": email.id,
        "batch_id": email.run_id if email.is_batch else None,
        "status": PUBLIC_STATUS[state],
        "from_email": email.from_email,
        "from_name": email.from_name,
        "to_email": email.recipient,
        "to_name": email.to_name,
        "subject": _subject(email),
        "cost": email.cost,
        "metadata": email.metadata,
        "created_at": id_time(email.id),
        "sent_at": email.sent_at,
        "delivered_at": email.delivered_at,
        "opened_at": email.opened_at,
        "clicked_at": email.clicked_at,
        "bounced_at": email.bounced_at,
        "error_message": text,
        "error_code": code,
    }


def _subject(email: SentEmail) -> str:
    """The subject as the recipient reads it."""
    if "{" not in email.subject:
        return header_text(email.subject)
    try:
        source = parse_source(email.subject)
        renderer = Renderer(source, is_html=False, common=email.content_variables)
        return header_text(renderer.render(flat_values(email.variables)))
    except InvalidInput:  # values that the subject's conditions cannot be applied to: nothing was sent
        return header_text(email.subject)


def shown_batch(run: Run, totals: Totals, first: SentEmail) -> dict[str, Any]:
    """A batch, as BatchSchema has it; `first` is its first email."""
    unsent = totals.failed + totals.suppressed + totals.cancelled
    status = batch_status(RunState(run.state), recipients=totals.recipients, pending=totals.pending, unsent=unsent)
    return {
        "id": run.id,
        "subject": _subject(first),
        "from_email": first.from_email,
        "from_name": first.from_name,
        "source": run.started_by,
        "status": status,
        "total_recipients": totals.recipients,
        "total_cost": run.charged - run.refunded,
        "total_sent": totals.sent,
        "total_delivered": totals.delivered,
        "total_opened": totals.opened,
        "total_bounced": totals.bounced,
        "total_failed": unsent,
        "delivery_rate": rate_number(totals.delivered, totals.sent),
        "open_rate": rate_number(totals.opened, totals.delivered),
        "scheduled_at": None,
        "created_at": run.created_at,
    }

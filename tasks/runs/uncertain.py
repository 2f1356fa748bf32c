"""What people decide about uncertain messages: checked, written down, and carried out by the courier within seconds."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import IllegalState, InvalidInput
from models.rules.lifecycle import Channel, RunState
from models.rules.uncertainty import Decision, may_resend
from models.settings import Settings
from models.store.organizations import audit
from models.store.provider_accounts import account_vendors
from models.store.runs import lock_run
from models.store.uncertain_lists import decide_run, decide_single
from tasks.providers.registry import is_idempotent, takes_keys

_ENDED = (RunState.CLOSING.value, RunState.CANCELLED.value, RunState.FAILED.value)


def resolve_run(
    session: Session,
    organization_id: UUID,
    run_id: UUID,
    channel: Channel,
    decision: Decision,
    *,
    message_ids: Sequence[UUID] | None = None,
    settings: Settings,
    actor: str,
) -> int:
    """Decide about the uncertain messages of a run, all or those named; returns how many were uncertain.

    It may be said again, and otherwise, until it is carried out. The run's state stays. Raises NotFound; InvalidInput
    where sending again could double an SMS unseen; IllegalState for sending again what belongs to a cancelled run.
    """
    run = lock_run(session, organization_id, run_id)
    if decision is Decision.RESEND:
        _check_resend(session, organization_id, channel, settings)
        if run.state in _ENDED:
            raise IllegalState(
                f"Nothing is sent again of what is {run.state}.", code="invalid_status", current_status=run.state
            )
    decided = decide_run(session, organization_id, run_id, decision, message_ids)
    _audit(session, organization_id, actor, str(run_id), decision, decided)
    return decided


def resolve_single(
    session: Session,
    organization_id: UUID,
    message_id: UUID,
    channel: Channel,
    decision: Decision,
    *,
    settings: Settings,
    actor: str,
) -> int:
    """`resolve_run` for a message that is in no run."""
    if decision is Decision.RESEND:
        _check_resend(session, organization_id, channel, settings)
    decided = decide_single(session, organization_id, message_id, decision)
    _audit(session, organization_id, actor, str(message_id), decision, decided)
    return decided


def _check_resend(session: Session, organization_id: UUID, channel: Channel, settings: Settings) -> None:
    """Which account has a message is looked at when it is judged; here, whether any may know it."""
    vendors = account_vendors(session, organization_id, channel)
    has_key = takes_keys(settings, channel) or any(is_idempotent(channel, vendor) for vendor in vendors)
    if not may_resend(channel, has_key=has_key):
        reason = "The action resend could send an SMS twice: its provider takes no key that would tell."
        raise InvalidInput({"action": [reason]})


def _audit(
    session: Session, organization_id: UUID, actor: str, subject: str, decision: Decision, messages: int
) -> None:
    if messages:
        details = {"action": decision.value, "messages": messages}
        audit(session, organization_id, actor=actor, action="uncertain.resolved", subject=subject, details=details)

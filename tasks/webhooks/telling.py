"""What is told to webhook endpoints of messages: of outcomes when they are recorded, of reports when they are applied.

In the transaction that records it, and for organizations that asked for it alone: all others pay for one look at the
endpoints, in a process every two seconds or with a batch of reports.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.rules.lifecycle import Channel, MessageState
from models.rules.reports import ReportKind
from models.rules.webhooks import FAILED, REPORTED, SENT, EventType, message_event_id
from models.store.events import NewEvent
from models.store.messages import Result
from models.store.sms_replies import NewReply
from models.store.uncertain import Uncertain
from models.store.webhook_deliveries import ToldMessage, WebhookEvent, enqueue, read_told_messages
from models.store.webhook_endpoints import Listener, find_listeners
from tasks.reports.tallies import Change

_ASK_SECONDS = 2.0
_LOST = frozenset({MessageState.FAILED, MessageState.SUPPRESSED})
# Of a report's payload, what is told; the rest is the provider's own.
_TOLD = ("bounce_type", "code", "reason", "url", "user_agent", "ip", "proxy")
_LONGEST = 2000

Listeners = Mapping[UUID, Sequence[Listener]]


@dataclass(slots=True)
class KnownListeners:
    """The listeners of one organization, asked for again after two seconds: for a sender, which records 40 times a
    second. So an endpoint is told of what is sent from two seconds after it was made."""

    _found: Listeners = field(default_factory=dict)
    _ask_at: float = 0.0

    def now(self, session: Session, organization_id: UUID) -> Listeners:
        """Who listens. Always of the same organization."""
        if time.monotonic() >= self._ask_at:
            self._found = find_listeners(session, [organization_id])
            self._ask_at = time.monotonic() + _ASK_SECONDS
        return self._found


def tell_results(session: Session, channel: str, results: Sequence[Result], listeners: Listeners) -> None:
    """Tell which messages a provider has taken, and which failed for good. After the results were recorded."""
    known = Channel(channel)
    wanted = _wanted(listeners) & {SENT[known], FAILED[known]}
    if not wanted:  # nearly always: a look at each of 500 results is a hundredth of a window's time
        return
    decided = {
        result.id: (event, result)
        for result in results
        if (event := _outcome(known, result.state)) is not None and event in wanted
    }
    if not decided:
        return
    now = datetime.now(UTC)
    told: list[tuple[Listener, WebhookEvent]] = []
    for id_, message in read_told_messages(session, list(decided)).items():
        event, result = decided[id_]
        if _outcome(known, MessageState(message.state)) not in (event, None):
            continue  # evidence that came too late
        data = message.data if event in SENT.values() else {**message.data, **_failure(result)}
        told += _to_each(listeners, message, WebhookEvent(message_event_id(id_, event), event.value, now, data))
    enqueue(session, told)


def tell_resolved(
    session: Session, messages: Sequence[Uncertain], state: MessageState, *, code: str | None, detail: str | None
) -> None:
    """Tell what became of messages that were uncertain."""
    listeners = find_listeners(session, {message.organization_id for message in messages})
    for channel in Channel if listeners else ():
        own = [message for message in messages if message.channel is channel]
        results = [Result(each.id, each.position, state, code=code, detail=detail) for each in own]
        tell_results(session, channel, results, listeners)


def tell_reports(session: Session, changes: Sequence[Change], events: Sequence[NewEvent]) -> None:
    """Tell what was reported, and that uncertain messages were sent after all."""
    if not events:
        return
    listeners = find_listeners(session, {event.organization_id for event in events})
    if not listeners:
        return
    for channel in Channel:
        proven = [each.message for each in changes if each.was_uncertain and each.message.channel == channel]
        results = [Result(each.id, each.position, MessageState.ACCEPTED) for each in proven]
        tell_results(session, channel, results, listeners)
    channels = {change.message.id: change.message.channel for change in changes}
    typed = [
        (type_, event)
        for event in events
        if event.organization_id in listeners
        and (type_ := REPORTED.get((Channel(channels[event.message_id]), ReportKind(event.kind)))) is not None
        and any(type_ in each.event_types for each in listeners[event.organization_id])
    ]
    if not typed:
        return
    messages = read_told_messages(session, [event.message_id for _, event in typed])
    told: list[tuple[Listener, WebhookEvent]] = []
    for type_, event in typed:
        message = messages[event.message_id]
        data = {**message.data, **_report(event.payload)}
        told += _to_each(listeners, message, WebhookEvent(new_id(), type_.value, event.occurred_at, data))
    enqueue(session, told)


def tell_replies(session: Session, ids: Sequence[UUID], replies: Sequence[NewReply]) -> None:
    """Tell what people wrote back. `ids`: of the replies, in their order."""
    if not replies:
        return
    listeners = find_listeners(session, {reply.organization_id for reply in replies})
    told = [
        (listener, WebhookEvent(id_, EventType.SMS_RECEIVED, reply.occurred_at, _reply(id_, reply)))
        for id_, reply in zip(ids, replies, strict=True)
        for listener in listeners.get(reply.organization_id, ())
        if EventType.SMS_RECEIVED in listener.event_types
    ]
    enqueue(session, told)


def _reply(id_: UUID, reply: NewReply) -> dict[str, Any]:
    said = {"sender": reply.sender, "recipient": reply.recipient, "text": reply.text}
    return {"id": id_, **said, "keyword": reply.keyword, "message_id": reply.message_id}


def _outcome(channel: Channel, state: MessageState) -> EventType | None:
    if state is MessageState.ACCEPTED:
        return SENT[channel]
    return FAILED[channel] if state in _LOST else None


def _wanted(listeners: Listeners) -> set[str]:
    return {type_ for own in listeners.values() for listener in own for type_ in listener.event_types}


def _to_each(
    listeners: Listeners, message: ToldMessage, event: WebhookEvent
) -> Iterable[tuple[Listener, WebhookEvent]]:
    return [
        (listener, event)
        for listener in listeners.get(message.organization_id, ())
        if event.type in listener.event_types
    ]


def _failure(result: Result) -> dict[str, Any]:
    return {"error_code": result.code, "error_message": result.detail}


def _report(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the report adds: texts no longer than need be, and `is_machine` for what nobody did."""
    found = {name: payload[name] for name in _TOLD if name in payload}
    told = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in found.items()}
    if "proxy" in told:
        told["is_machine"] = told.pop("proxy") is True
    return told

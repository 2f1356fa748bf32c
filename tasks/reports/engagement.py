"""Who clicked which link, and in what a message was opened first: pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.store.events import NewEvent
from tasks.reports.reading import text_of
from tasks.reports.user_agents import UNKNOWN

_First = tuple[datetime, str, str]


@dataclass(frozen=True, slots=True)
class Engagement:
    """Clicks by (run, organization, URL): all, and those that were a message's first on it. First opens by (run,
    organization, device, client): -1 where an earlier one became known."""

    links: dict[tuple[UUID, UUID, str], tuple[int, int]]
    clients: dict[tuple[UUID, UUID, str, str], int]


def engagement_of(before: Iterable[tuple[UUID, str, datetime, dict[str, Any]]], new: Sequence[NewEvent]) -> Engagement:
    """What new opens and clicks of messages of runs add, given those that are known already.

    A click opens the message too: it may have images switched off. What machines did counts for nothing.
    """
    clicked: set[tuple[UUID, str]] = set()
    opened: dict[UUID, _First] = {}
    for message_id, kind, at, payload in before:
        if payload.get("proxy") is not True:
            if kind == "clicked" and (url := _url(payload)):
                clicked.add((message_id, url))
            opened[message_id] = _first(opened.get(message_id), _reader(at, payload))
    links: dict[tuple[UUID, UUID, str], tuple[int, int]] = {}
    owners: dict[UUID, tuple[UUID, UUID]] = {}
    first = dict(opened)
    for event in new:
        if event.run_id is None or event.payload.get("proxy") is True:
            continue
        owners[event.message_id] = (event.run_id, event.organization_id)
        first[event.message_id] = _first(first.get(event.message_id), _reader(event.occurred_at, event.payload))
        if event.kind == "clicked" and (url := _url(event.payload)):
            clicks, messages = links.get((event.run_id, event.organization_id, url), (0, 0))
            is_first = (event.message_id, url) not in clicked
            clicked.add((event.message_id, url))
            links[event.run_id, event.organization_id, url] = (clicks + 1, messages + is_first)
    clients: dict[tuple[UUID, UUID, str, str], int] = defaultdict(int)
    for message_id, owner in owners.items():
        clients[*owner, *first[message_id][1:]] += 1
        if message_id in opened:
            clients[*owner, *opened[message_id][1:]] -= 1
    return Engagement(links, clients)


def _first(known: _First | None, new: _First) -> _First:
    return new if known is None else min(known, new)


def _reader(at: datetime, payload: Any) -> _First:
    return at, text_of(payload, "device") or UNKNOWN, text_of(payload, "client") or UNKNOWN


def _url(payload: Any) -> str | None:
    """The link that counts: the original one, and not the one by which people leave."""
    return None if payload.get("unsubscribe") is True else text_of(payload, "url")

"""Handing a window of the outbox over: its messages are of many organizations, which may have accounts of their own."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.store.outbox import Claimed
from tasks.providers.base import Outcome, OutgoingMessage, Provider
from tasks.providers.until import Until
from tasks.sending.handing_over import hand_over
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.routes import Route

Going = tuple[Claimed, OutgoingMessage]


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider said of messages: one outcome each."""

    provider: str
    claims: list[Claimed]
    outcomes: list[Outcome]


def bound_to_account(opened: OpenRoutes, claimed: Claimed, message: OutgoingMessage) -> OutgoingMessage | None:
    """A message for the account that had it before, where it is sent again; None where nobody may send it.

    Where messages do not go by that account any more an email may go by another, since who wanted it sent again knew of
    the risk; a second SMS is never sent blindly.
    """
    if claimed.had_by is None:
        return message
    route = opened.routes.of(claimed.organization_id)
    if claimed.had_by in {opened.name_of(route), *(account.provider for account in route.accounts)}:
        return message._replace(account=claimed.had_by)
    return message if opened.routes.channel == "email" else None


async def hand_over_by_routes(
    opened: OpenRoutes, going: Sequence[Going], until: Until, out: list[Provider]
) -> list[Said]:
    """What each provider says of its messages. `out` is told which providers have some, for whoever cuts them off."""
    groups: dict[Route, list[Going]] = defaultdict(list)
    for each in going:
        groups[opened.routes.of(each[0].organization_id)].append(each)
    return await asyncio.gather(*(_by_route(opened, *group, until, out) for group in groups.items()))


async def _by_route(
    opened: OpenRoutes, route: Route, going: Sequence[Going], until: Until, out: list[Provider]
) -> Said:
    provider = opened.hold(route)
    out.append(provider)
    outcomes: list[Outcome] = []
    try:
        most = provider.capabilities.messages_per_call
        for start in range(0, len(going), most):
            outcomes += await hand_over(provider, [message for _, message in going[start : start + most]], until)
    finally:
        await opened.let_go(provider)
    return Said(provider.name, [claimed for claimed, _ in going], outcomes)

"""A provider with several accounts behind it, each message going by one of them (models/rules/routing.py).

A message goes to the next account only where the one before certainly did not take it, through no fault of the message:
nobody who answered, a refused log-in, a pause that was asked for. What was handed over without an answer is uncertain
and stays so, however many other accounts there are.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from models.rules.circuit import PROBE_MESSAGES
from models.rules.phone import country_of
from models.rules.routing import Way, ways_of
from tasks.providers.base import LATE, Capabilities, Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.providers.until import NEVER, Until
from tasks.sending.account_states import AccountStates
from tasks.sending.circuit import Reading, is_of_account, pause_asked_for, read_outcomes
from tasks.sending.handing_over import hand_over

NO_ROUTE = "no_route"
"""The code of a message to a country that no account sends to."""

# Messages that come back late are given again at once: they should not begin with what just failed. By the third
# failure the circuit is open, and everybody knows.
_REST_SECONDS = 5.0


@dataclass(slots=True)
class _Going:
    """A message that no account has taken yet: where it may still go, and what the last one said."""

    left: list[str]
    is_first: bool = True
    said: Outcome | None = None


@dataclass(slots=True)
class Router:
    """See the module. `name` is that of the route, whose circuit opens when no account of it takes anything; each
    outcome says which account it is of. The accounts' providers are its own, and end with it.

    A mix can only what all of its accounts can. It is never `idempotent`: an account knows its own messages only. What
    an account does with a message that it is given twice is asked of the account (tasks/sending/resolving.py).
    """

    name: str
    ways: Sequence[Way]
    providers: Mapping[str, Provider]
    states: AccountStates
    capabilities: Capabilities = field(init=False)
    _rests_until: dict[str, float] = field(default_factory=dict)
    _asks_country: bool = field(init=False)

    def __post_init__(self) -> None:
        every = [provider.capabilities for provider in self.providers.values()]
        self.capabilities = Capabilities(
            messages_per_call=min(each.messages_per_call for each in every),
            idempotent=False,
            answer_timeout_seconds=max(each.answer_timeout_seconds for each in every),
            merges=all(each.merges for each in every),
        )
        self._asks_country = any(way.countries is not None for way in self.ways)

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send. What could not begin by `until` at another account is late as well."""
        going = [_Going(self.ways_of(message)) for message in messages]
        outcomes: list[Outcome | None] = [None] * len(messages)
        is_first = True
        while places := [place for place, outcome in enumerate(outcomes) if outcome is None]:
            if not is_first and until.is_past():
                return [outcome or _late() for outcome in outcomes]
            try:
                groups = await self._grouped(going, places)
            except asyncio.CancelledError:
                return [outcome or _aborted() for outcome in outcomes]
            for place in set(places) - {place for own in groups.values() for place in own}:
                outcomes[place] = self._not_taken(going[place])
            calls = [
                asyncio.ensure_future(self._send_by(name, [(going[place], messages[place]) for place in own], until))
                for name, own in groups.items()
            ]
            is_cancelled = await _all_done(calls)
            for (name, own), call in zip(groups.items(), calls, strict=True):
                for place, outcome in zip(own, call.result(), strict=True):
                    stamped = outcome._replace(provider=name)
                    if is_of_account(outcome) and going[place].left and not is_cancelled:
                        going[place].said, going[place].is_first = stamped, False
                    else:
                        outcomes[place] = _said_last(stamped)
            is_first = False
        return [outcome for outcome in outcomes if outcome is not None]

    def ways_of(self, message: OutgoingMessage) -> list[str]:
        """The accounts that may take a message, the first one first. One that had it before is the only one."""
        if message.account is not None and message.account in self.providers:
            return [message.account]
        return ways_of(self.ways, message.id, country_of(message.recipient) if self._asks_country else None)

    def abort(self) -> None:
        """See Provider.abort."""
        for provider in self.providers.values():
            provider.abort()

    async def close(self) -> None:
        """See Provider.close."""
        await asyncio.gather(*(provider.close() for provider in self.providers.values()), return_exceptions=True)

    async def _grouped(self, going: Sequence[_Going], places: Sequence[int]) -> dict[str, list[int]]:
        """The messages by the account that they go to now; those for which there is none are in no group."""
        standings = await self.states.look()
        now = time.monotonic()
        resting = {name for name, until in self._rests_until.items() if until > now}
        resting |= {name for name, standing in standings.items() if standing.is_held}
        room = {name: PROBE_MESSAGES for name, standing in standings.items() if standing.is_open}
        groups: dict[str, list[int]] = defaultdict(list)
        for place in places:
            left = going[place].left
            while left:
                name = left.pop(0)
                if name not in resting and len(groups.get(name, ())) < room.get(name, len(going)):
                    groups[name].append(place)
                    break
                going[place].is_first = False
        return groups

    async def _send_by(
        self, name: str, given: Sequence[tuple[_Going, OutgoingMessage]], until: Until
    ) -> Sequence[Outcome]:
        messages = [message for _, message in given]
        moved = sum(not going.is_first for going, _ in given)
        try:
            if moved and not await self.states.take(name, moved, until):
                return [_late()] * len(messages)
        except asyncio.CancelledError:
            return [_aborted()] * len(messages)
        outcomes = await hand_over(self.providers[name], messages, until)
        pause = pause_asked_for(outcomes)
        if not pause and read_outcomes(outcomes) is Reading.FAILS:
            pause = _REST_SECONDS
        if pause:
            self._rests_until[name] = time.monotonic() + pause
        with contextlib.suppress(asyncio.CancelledError):  # what was answered is not lost for it
            await self.states.note(name, outcomes)
        return outcomes

    def _not_taken(self, going: _Going) -> Outcome:
        """What is said of a message that no account may be given now."""
        if going.said is not None:
            return _said_last(going.said)
        if going.is_first and not going.left:
            return Outcome(OutcomeKind.REJECTED, code=NO_ROUTE, detail="No account sends to the recipient's country.")
        return Outcome(OutcomeKind.UNSENT, code="unavailable", detail="Every account for it is left alone for now.")


async def _all_done(calls: Collection["asyncio.Future[Sequence[Outcome]]"]) -> bool:
    """Wait for all; returns whether this was cancelled meanwhile: then they are, and say what they know."""
    if not calls:
        return False
    try:
        await asyncio.wait(calls)
    except asyncio.CancelledError:
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        return True
    return False


def _said_last(outcome: Outcome) -> Outcome:
    """A pause is the account's, and others of the route go on: the message waits as one that was never handed over."""
    if outcome.kind is OutcomeKind.DEFERRED and pause_asked_for([outcome]):
        return outcome._replace(kind=OutcomeKind.UNSENT)
    return outcome


def _aborted() -> Outcome:
    return Outcome(OutcomeKind.UNSENT, code="aborted", detail="Sending was stopped.")


def _late() -> Outcome:
    return Outcome(OutcomeKind.UNSENT, code=LATE, detail="Other accounts were tried, and its look-up is old.")

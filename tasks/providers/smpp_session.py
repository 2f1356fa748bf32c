"""A bound connection that sends: a window of submit_sm without response, answers in any order."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from tasks.providers.base import Outcome, OutcomeKind
from tasks.providers.message_queue import TOO_LATE, MessageCall, MessageSlot
from tasks.providers.smpp_flight import Flight, bodies_of, may_be_completed, verdict
from tasks.providers.smpp_link import SmppLink
from tasks.providers.smpp_pdu import GENERIC_NACK, RESPONSE, SUBMIT_SM, Pdu, next_sequence, pdu, text_of
from tasks.providers.smpp_receipts import canonical_id
from tasks.providers.smpp_statuses import OK, RINVCMDID, SLOW_DOWN, refusal
from tasks.providers.smpp_url import SmppAddress

_SLOW_SECONDS = 1.0
_MOST_TRIES = 5  # of parts that miss to a message that was taken in part
_SUBMITTED = SUBMIT_SM | RESPONSE


class SessionOwner(Protocol):
    """Who keeps the connections."""

    stopped: bool  # set from any thread; nothing is handed over any more

    def take(self) -> MessageSlot | None:
        """The next message."""
        ...

    def give_back(self, slot: MessageSlot, detail: str) -> None:
        """It was not handed over."""
        ...

    def is_closed(self, session: "SmppSession") -> bool:
        """Whether its end has arrived, and was not read yet."""
        ...

    def session_progressed(self) -> None:
        """A message was answered."""
        ...

    def session_lost(self, session: "SmppSession") -> None:
        """It is gone; its messages are settled or given back."""
        ...

    def account_refused(self, outcome: Outcome) -> None:
        """The SMSC takes nothing from us at all: no message is at fault."""
        ...


class SmppSession(SmppLink):
    """A message is handed over from the moment its parts are given to the transport, all in one write."""

    def __init__(self, address: SmppAddress, owner: SessionOwner) -> None:
        super().__init__(address, address.bind)
        self._owner = owner
        self._outstanding: dict[int, tuple[Flight, int]] = {}  # sequence → message and part, the oldest first
        self._ready: Flight | None = None  # taken, and waits for room in the window
        self._incomplete: set[Flight] = set()  # parts of it are to be sent again
        self._slow_until = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self.quiet_since: float | None = self._loop.time()
        self.has_answered = False
        self._is_at_work = False

    # -- what the owner calls

    def start(self) -> None:
        """Hand over as much as the window has room for, now and with each answer."""
        self._is_at_work = True
        if self.is_over or self._owner.stopped or not self.bound.done() or self._loop.time() < self._slow_until:
            return
        if not self._outstanding and self._owner.is_closed(self):
            self.drop("connection", "it was closed while it was idle")
            return
        chunks: list[bytes] = []
        while (flight := self._next()) is not None:
            if self._outstanding and len(self._outstanding) + len(flight.bodies) > self._address.window:
                self._ready = flight
                break
            chunks += self._submit(flight, range(len(flight.bodies)))
        self._write(chunks)

    def withdraw(self, call: MessageCall) -> None:
        """The call is over: what is handed over of it and not answered is uncertain. The answers may still come."""
        stopped = Outcome(OutcomeKind.UNCERTAIN, code="aborted", detail="Handed over, then sending was stopped.")
        for flight in [*(flight for flight, _ in self._outstanding.values()), *self._incomplete]:
            if flight.call is call:
                flight.settle(stopped)
        if self._ready is not None and self._ready.call is call:
            self._ready = None

    def check_time(self, now: float) -> None:
        """See SmppLink; and no submit_sm waits longer than the time-out."""
        if self._outstanding and now - next(iter(self._outstanding.values()))[0].at > self._address.timeout:
            self.drop("timeout", f"the SMSC did not answer within {self._address.timeout:g} seconds")
            return
        super().check_time(now)

    # -- handing over

    def _next(self) -> Flight | None:
        """A message that may go out."""
        while True:
            flight, self._ready = self._ready, None
            if flight is None:
                slot = self._owner.take()
                if slot is None:
                    return None
                flight = self._composed(slot)
                if flight is None:
                    continue
            if flight.call.over:
                continue
            if flight.call.until.is_past():
                flight.settle(TOO_LATE)
                continue
            return flight

    def _composed(self, slot: MessageSlot) -> Flight | None:
        call, index = slot
        try:
            return Flight(call, index, bodies_of(call.items[index]))
        except ValueError as error:  # of one message's odd data
            detail = f"The message cannot be put into SMPP: {type(error).__name__}"
            call.settle(index, Outcome(OutcomeKind.REJECTED, code="content", detail=detail))
            return None

    def _submit(self, flight: Flight, parts: Iterable[int]) -> list[bytes]:
        flight.at = self._loop.time()
        chunks = []
        for part in parts:
            self._sequence = next_sequence(self._sequence)
            self._outstanding[self._sequence] = (flight, part)
            chunks.append(pdu(SUBMIT_SM, self._sequence, flight.bodies[part]))
        return chunks

    def _write(self, chunks: list[bytes]) -> None:
        if chunks and self._transport is not None:
            self.quiet_since = None
            self._transport.write(b"".join(chunks))

    # -- answers

    def data_received(self, data: bytes) -> None:
        """See SmppLink. What came together is read before anything goes out: it may end with an unbind."""
        super().data_received(data)
        if self._is_at_work:
            self.start()

    def answered(self, answer: Pdu) -> None:
        """A response, in whatever order they come."""
        if answer.command not in (_SUBMITTED, GENERIC_NACK):
            return  # of enquire_link, or of what we never ask
        found = self._outstanding.pop(answer.sequence, None)
        if found is None:
            if answer.command == GENERIC_NACK:
                self.drop("protocol", "the SMSC did not understand what it got")
            return
        flight, part = found
        if answer.command == _SUBMITTED and answer.status == OK:
            reference = canonical_id(text_of(answer.body), self._address.receipt_ids, is_receipt=False)
            flight.outcomes[part] = Outcome(
                OutcomeKind.ACCEPTED, provider_ref=reference or None, code="0", known_by_ref=True
            )
        else:
            flight.outcomes[part] = refusal(answer.status or RINVCMDID)
            if answer.status in SLOW_DOWN:
                self._slow_until = self._loop.time() + _SLOW_SECONDS
                self._later(_SLOW_SECONDS, self.start)
        self._landed(flight)
        if not self._outstanding and not self._incomplete and not self.is_over:
            self.quiet_since = self._loop.time()

    def _landed(self, flight: Flight) -> None:
        told = [outcome for outcome in flight.outcomes if outcome is not None]
        if len(told) < len(flight.outcomes):
            return
        if may_be_completed(told) and flight.tries < _MOST_TRIES and not flight.call.over:
            flight.tries += 1
            self._incomplete.add(flight)
            self._later(_SLOW_SECONDS * flight.tries, lambda: self._complete(flight))
            return
        outcome = verdict(told)
        flight.settle(outcome)
        self.has_answered = True
        self._owner.session_progressed()
        if outcome.kind is OutcomeKind.UNSENT:
            self._owner.account_refused(outcome)
            self.drop("account", "the account was refused")

    def _complete(self, flight: Flight) -> None:
        """Send again the parts that were refused for the moment, before all that wait: the others were taken."""
        self._incomplete.discard(flight)
        if self.is_over or flight.call.over:
            return
        missing = [
            no for no, each in enumerate(flight.outcomes) if each is not None and each.kind is OutcomeKind.DEFERRED
        ]
        for part in missing:
            flight.outcomes[part] = None
        self._write(self._submit(flight, missing))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        now = self._loop.time()
        self._timers = {timer for timer in self._timers if not timer.cancelled() and timer.when() > now}
        self._timers.add(self._loop.call_later(seconds, work))

    # -- the end

    def ended(self, code: str, why: str) -> None:
        """What was handed over is uncertain, what was not goes back."""
        for timer in self._timers:
            timer.cancel()
        unknown = Outcome(OutcomeKind.UNCERTAIN, code=code, detail=f"Handed over, then {why}."[:500])
        flights = {id(flight): flight for flight, _ in self._outstanding.values()}
        flights |= {id(flight): flight for flight in self._incomplete}
        self._outstanding, self._incomplete = {}, set()
        for flight in flights.values():
            flight.settle(verdict([outcome or unknown for outcome in flight.outcomes]))
        if self._ready is not None:
            ready, self._ready = self._ready, None
            self._owner.give_back((ready.call, ready.index), f"Not handed over: {why}."[:500])
        self._owner.session_lost(self)

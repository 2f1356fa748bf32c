"""Receives over SMPP, for as long as the process lives: receipts, and what people write.

A deliver_sm is answered when what it says is kept. What cannot be kept is answered "later" (ESME_RX_T_APPN), or not at
all when the connection breaks: the SMSC sends it again. So nothing is lost, and a receipt that comes twice has the same
key.

Parts of a long text wait for each other, and their answers with them, for a second. Then they are answered all the
same, since an SMSC may send no second part before it has an answer to the first, and kept in memory until the text is
whole: a kill within that minute may lose a part. What is incomplete at the end is kept as it is.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tasks.providers.callbacks import InboundSms, ProviderEvent
from tasks.providers.connection_pool import pause_after
from tasks.providers.smpp_assembly import Assembly, Whole
from tasks.providers.smpp_link import BindRefusedError, SmppLink
from tasks.providers.smpp_opening import open_link, unreachable
from tasks.providers.smpp_pdu import NotSmppError, Pdu, read_message
from tasks.providers.smpp_receipts import InboundPart, inbound_sms, read_delivery
from tasks.providers.smpp_statuses import OK, RX_P_APPN, RX_T_APPN
from tasks.providers.smpp_url import SmppAddress

log = logging.getLogger(__name__)

_A_BATCH = 500
_MOST_WAITING = 5000
_LOOK_SECONDS = 0.5
_PART_SECONDS = 1.0  # that a part's answer waits for the rest of its text
_AGAIN_SECONDS = 1.0

Event = ProviderEvent | InboundSms
Store = Callable[[Sequence[Event]], None]
"""Keeps events durably, or raises. Called in a thread; blocks."""


@dataclass(eq=False, slots=True)
class _Came:
    """A deliver_sm that has no answer yet."""

    link: SmppLink
    request: Pdu
    at: float
    is_answered: bool = False

    def answer(self, status: int) -> None:
        if not self.is_answered:
            self.is_answered = True
            self.link.respond(self.request, status)


@dataclass(slots=True)
class _Kept:
    """An event that is to be kept, and what is to be answered then."""

    event: Event
    came: Sequence[_Came] = field(default_factory=tuple)


class SmppReceiver:
    """One bound connection to an account's SMSC, opened again whenever it ends. Use `run` on an event loop."""

    def __init__(self, address: SmppAddress, store: Store, *, tls_context: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._store = store
        self._tls_context = tls_context
        self._stop = asyncio.Event()
        self._woken = asyncio.Event()
        self._waiting: list[_Kept] = []
        self._assembly: Assembly[_Came] = Assembly()
        self._parts: list[_Came] = []  # of texts that are not whole
        self.is_bound = False

    def __repr__(self) -> str:
        return f"SmppReceiver({self._address.host}:{self._address.port})"

    def stop(self) -> None:
        """End soon. In the loop's thread."""
        self._stop.set()
        self._woken.set()

    async def run(self) -> None:
        """Receive until `stop`."""
        failures = 0
        while not self._stop.is_set():
            try:
                _, link = await open_link(self._address, lambda: _ReceivingLink(self._address, self), self._tls_context)
            except (OSError, ValueError, BindRefusedError) as error:
                if not failures:
                    log.warning("No receipts for now: %s", unreachable(self._address, error).detail)
                failures += 1
                await self._pause(pause_after(failures))
                continue
            failures, self.is_bound = 0, True
            await self._serve(link)
            self.is_bound = False
            if not self._stop.is_set():
                await self._pause(pause_after(0))
        self._waiting += [self._kept(whole) for whole in self._assembly.rest()]
        await self._keep()

    # -- what the connection reports

    def came(self, link: SmppLink, request: Pdu) -> None:
        """A deliver_sm."""
        came = _Came(link, request, asyncio.get_running_loop().time())
        if len(self._waiting) >= _MOST_WAITING:
            came.answer(RX_T_APPN)
            return
        try:
            said = read_delivery(read_message(request.body), datetime.now(UTC), self._address.receipt_ids)
        except NotSmppError as error:
            log.warning("The SMSC %s delivers what cannot be read: %s", self._address.host, error)
            came.answer(RX_P_APPN)
            return
        if said is None:
            came.answer(OK)
        elif isinstance(said, InboundPart):
            self._put_together(said, came)
        else:
            self._waiting.append(_Kept(said, (came,)))
        self._woken.set()

    def link_ended(self) -> None:
        """The connection is over."""
        self._woken.set()

    # -- inside

    def _put_together(self, said: InboundPart, came: _Came) -> None:
        whole = self._assembly.add(said, came, came.at)
        if whole is not None:
            self._waiting.append(self._kept(whole))
        else:
            self._parts.append(came)

    def _kept(self, whole: Whole[_Came]) -> _Kept:
        return _Kept(inbound_sms(whole.text, datetime.now(UTC)), whole.along)

    async def _serve(self, link: "_ReceivingLink") -> None:
        loop = asyncio.get_running_loop()
        while not link.is_over and not self._stop.is_set():
            if not self._waiting:
                await self._pause(min(_LOOK_SECONDS, self._address.timeout / 4))
            now = loop.time()
            link.check_time(now)
            for part in [part for part in self._parts if now - part.at > _PART_SECONDS]:
                part.answer(OK)
            self._parts = [part for part in self._parts if not part.is_answered]
            self._waiting += [self._kept(whole) for whole in self._assembly.overdue(now)]
            if not await self._keep():
                await self._pause(_AGAIN_SECONDS)
        link.unbind()

    async def _keep(self) -> bool:
        """Keep what waits, and answer. False: it could not be kept."""
        while batch := self._waiting[:_A_BATCH]:
            del self._waiting[:_A_BATCH]
            try:
                await asyncio.to_thread(self._store, [kept.event for kept in batch])
            except Exception as error:  # Postgres is away, most likely; the SMSC keeps it for us
                log.warning("Receipts cannot be kept for now: %s", str(error).partition("\n")[0][:200])
                # What was answered will not come again.
                self._waiting[:0] = [kept for kept in batch if any(came.is_answered for came in kept.came)]
                for came in [came for kept in batch for came in kept.came]:
                    came.answer(RX_T_APPN)
                return False
            for came in [came for kept in batch for came in kept.came]:
                came.answer(OK)
        return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        if not self._stop.is_set():
            self._woken.clear()


class _ReceivingLink(SmppLink):
    """A connection that is bound to receive."""

    def __init__(self, address: SmppAddress, receiver: SmppReceiver) -> None:
        super().__init__(address, "transceiver" if address.bind == "transceiver" else "receiver")
        self._receiver = receiver

    def delivered(self, request: Pdu) -> None:
        """See SmppLink."""
        self._receiver.came(self, request)

    def ended(self, code: str, why: str) -> None:
        """See SmppLink."""
        del code, why
        self._receiver.link_ended()

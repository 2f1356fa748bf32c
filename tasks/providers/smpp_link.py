"""One SMPP connection: bind, enquire_link, unbind, PDUs in and out. What it is for, its subclasses know."""

import asyncio
from typing import cast

from tasks.providers.smpp_pdu import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    RESPONSE,
    UNBIND,
    NotSmppError,
    Pdu,
    PduReader,
    bind_body,
    next_sequence,
    pdu,
)
from tasks.providers.smpp_statuses import OK, RINVCMDID, RX_T_APPN, status_name
from tasks.providers.smpp_url import SmppAddress

BINDS = {"transmitter": BIND_TRANSMITTER, "transceiver": BIND_TRANSCEIVER, "receiver": BIND_RECEIVER}
_BOUND = {command | RESPONSE for command in BINDS.values()}


class BindRefusedError(Exception):
    """The SMSC does not let us in, or says nothing."""

    def __init__(self, status: int | None, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class SmppLink(asyncio.Protocol):
    """Binds as soon as it is connected; `bound` is done when the SMSC has said yes, or fails with BindRefusedError."""

    def __init__(self, address: SmppAddress, bind: str) -> None:
        self._address = address
        self._bind = BINDS[bind]
        self._loop = asyncio.get_running_loop()
        self._reader = PduReader()
        self._transport: asyncio.Transport | None = None
        self._sequence = 0
        self._heard_at = self._loop.time()
        self._asked_at: float | None = None  # when an enquire_link went out that has no answer
        self.bound: asyncio.Future[None] = self._loop.create_future()
        self.is_over = False

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio.Transport in all but name
        address = self._address
        self._request(self._bind, bind_body(address.system_id, address.password, address.system_type))

    def data_received(self, data: bytes) -> None:
        """Take the PDUs that are whole by now."""
        self._heard_at = self._loop.time()
        self._asked_at = None
        try:
            for each in self._reader.read(data):
                if self.is_over:
                    return
                self._take(each)
        except NotSmppError as error:
            self.drop("protocol", f"the SMSC sent {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Once for every connection, whoever ended it."""
        del exc
        self.drop("connection", "the connection broke")

    # -- what the owner calls

    def check_time(self, now: float) -> None:
        """Ask after a silence whether the SMSC is there; give it up if it does not answer."""
        if self.is_over or not self.bound.done():
            return
        if self._asked_at is not None and now - self._asked_at > self._address.timeout:
            self.drop("timeout", "the SMSC does not answer")
        elif self._asked_at is None and now - self._heard_at > self._address.enquire_link:
            self._asked_at = now
            self._request(ENQUIRE_LINK)

    def unbind(self) -> None:
        """End politely; the answer is not waited for."""
        if not self.is_over and self._transport is not None:
            self._request(UNBIND)
            self._transport.close()
        self._end("connection", "closed")

    def drop(self, code: str, why: str) -> None:
        """Close at once."""
        if not self.is_over and self._transport is not None:
            self._transport.abort()
        self._end(code, why)

    # -- for subclasses

    def answered(self, answer: Pdu) -> None:
        """A response to a request of the subclass."""

    def delivered(self, request: Pdu) -> None:
        """A deliver_sm. To be answered by `respond`; who keeps nothing says "later", and the SMSC sends it again."""
        self.respond(request, RX_T_APPN)

    def ended(self, code: str, why: str) -> None:
        """The connection is over, once."""

    def respond(self, request: Pdu, status: int = OK) -> None:
        """Answer a request. The body of deliver_sm_resp is an unused message_id (4.6.2)."""
        if not self.is_over and self._transport is not None:
            body = b"\0" if request.command == DELIVER_SM else b""
            self._transport.write(pdu(request.command | RESPONSE, request.sequence, body, status))

    def _request(self, command: int, body: bytes = b"") -> None:
        assert self._transport is not None
        self._sequence = next_sequence(self._sequence)
        self._transport.write(pdu(command, self._sequence, body))

    # -- inside

    def _take(self, each: Pdu) -> None:
        if each.command in _BOUND:
            self._let_in(each)
        elif each.command == ENQUIRE_LINK:
            self.respond(each)
        elif each.command == UNBIND:
            self.respond(each)
            self.drop("connection", "the SMSC unbound")
        elif each.command == DELIVER_SM:
            self.delivered(each)
        elif each.command == GENERIC_NACK and not self.bound.done():
            self._let_in(each)
        elif each.command & RESPONSE:
            self.answered(each)
        elif self._transport is not None:  # outbind, alert_notification, data_sm: not for us
            self._transport.write(pdu(GENERIC_NACK, each.sequence, status=RINVCMDID))

    def _let_in(self, answer: Pdu) -> None:
        if self.bound.done():
            return
        if answer.status == OK and answer.command != GENERIC_NACK:
            self.bound.set_result(None)
            return
        self.bound.set_exception(BindRefusedError(answer.status, f"bind: {status_name(answer.status)}"))
        self.drop("account", "the bind was refused")

    def _end(self, code: str, why: str) -> None:
        if self.is_over:
            return
        self.is_over = True
        if not self.bound.done():
            self.bound.set_exception(BindRefusedError(None, why))
            self.bound.exception()  # whoever waits gets it; nobody has to
        self.ended(code, why)

"""One connection to the SMPP sink: an SMSC that takes messages, logs each whole one and sends nothing."""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from itertools import count
from typing import cast

from deployments.sink_faults import ACCEPTING, Action, Fault, FaultScript, Step
from deployments.sink_log import AcceptLog
from deployments.smpp_sink_deliveries import Deliveries
from tasks.providers.smpp_flight import number_of
from tasks.providers.smpp_link import BINDS
from tasks.providers.smpp_pdu import (
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    NotSmppError,
    Pdu,
    PduReader,
    ShortMessage,
    next_sequence,
    pdu,
    read_bind,
    read_message,
)
from tasks.providers.smpp_statuses import OK, RINVBNDSTS, RINVCMDID, RINVDSTADR, RINVPASWD
from tasks.providers.smpp_text import PartOf, read_text

_GARBAGE = b"\x00\x00\x00\x07 this is not SMPP"
_BIND_COMMANDS = set(BINDS.values())
_FLUSH_SECONDS = 0.01


@dataclass
class SmppSinkState:
    """What all connections share. `account`: system_id and password. `reorder`: so many responses are held back and
    sent the last first. `texts`: the text that each recipient got last, where it is wanted."""

    log: AcceptLog
    script: FaultScript
    account: tuple[str, str] | None = None
    delay_seconds: float = 0.0
    reorder: int = 0
    deliveries: Deliveries = field(default_factory=Deliveries)
    texts: dict[str, str] | None = None
    ids: "count[int]" = field(default_factory=lambda: count(1))
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    connections: "set[SmppSinkConnection]" = field(default_factory=set)
    parts: dict[tuple[str, str, int, int], dict[int, str]] = field(default_factory=dict)


class SmppSinkConnection(asyncio.Protocol):
    """Reads PDUs one after another."""

    def __init__(self, state: SmppSinkState) -> None:
        self._state = state
        self._number = next(state.numbers)
        self._transport: asyncio.Transport | None = None
        self._reader = PduReader()
        self._bound = 0
        self._is_deaf = False
        self._sequence = 0
        self._accepted = 0
        self._held: list[bytes] = []
        self.enquired = 0

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a bind."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio.Transport in all but name
        self._state.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it; what it was to deliver waits for another."""
        self._state.connections.discard(self)
        self._state.deliveries.lost(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take the PDUs that are whole by now."""
        try:
            for each in self._reader.read(data):
                if self._is_deaf or self._transport is None:
                    return
                self._take(each)
        except NotSmppError:
            self._send(pdu(GENERIC_NACK, 0, status=RINVCMDID))
            self._hang_up()

    def close(self) -> None:
        """Close without a word."""
        if self._transport is not None:
            self._transport.abort()

    def enquire(self) -> None:
        """Ask whether the client is there; `enquired` counts its answers."""
        self._request(ENQUIRE_LINK)

    def unbind(self) -> None:
        """End the session as an SMSC does that goes down."""
        self._request(UNBIND)

    def deliver(self, body: bytes) -> int:
        """See Receiver."""
        return self._request(DELIVER_SM, body)

    # -- requests

    def _take(self, each: Pdu) -> None:
        if each.command in _BIND_COMMANDS:
            self._bind(each)
        elif each.command == SUBMIT_SM:
            self._submit(each)
        elif each.command == ENQUIRE_LINK:
            self._respond(each)
        elif each.command == UNBIND:
            self._respond(each)
            self._hang_up()
        elif each.command == DELIVER_SM | RESPONSE:
            self._state.deliveries.answered(self, each.sequence, each.status)
        elif each.command == ENQUIRE_LINK | RESPONSE:
            self.enquired += 1
        elif not each.command & RESPONSE:
            self._send(pdu(GENERIC_NACK, each.sequence, status=RINVCMDID))

    def _bind(self, each: Pdu) -> None:
        if fault := self._state.script.at(Step.CONNECT, [], 0):
            self._follow(fault, each)
            return
        if self._state.account is not None and read_bind(each.body) != self._state.account:
            self._respond(each, status=RINVPASWD)
            self._hang_up()
            return
        self._bound = each.command
        self._respond(each, b"sink\0")
        if each.command != BINDS["transmitter"]:
            self._state.deliveries.receivers.append(self)
            self._state.deliveries.go_on()

    def _submit(self, each: Pdu) -> None:
        if self._bound not in (BINDS["transmitter"], BINDS["transceiver"]):
            self._respond(each, status=RINVBNDSTS)
            return
        message = read_message(each.body)
        recipient = number_of(message.destination)
        if not recipient.startswith("+"):
            self._respond(each, status=RINVDSTADR)
            return
        fault = self._state.script.at(Step.FINAL, [recipient], self._accepted)
        message_id = ""
        if fault is None or fault.action in ACCEPTING:
            message_id = self._accept(message, recipient)
        answer = pdu(SUBMIT_SM | RESPONSE, each.sequence, message_id.encode("ascii") + b"\0")
        if fault is not None and fault.action is not Action.SLOW:
            self._follow(fault, each)
        elif delay := self._state.delay_seconds if fault is None else fault.seconds:
            asyncio.get_running_loop().call_later(delay, self._send, answer)
        elif self._state.reorder:
            self._hold(answer)
        else:
            self._send(answer)

    def _accept(self, message: ShortMessage, recipient: str) -> str:
        state, self._accepted = self._state, self._accepted + 1
        message_id, sender = f"{next(state.ids):X}", number_of(message.source)
        text, part = read_text(message)
        whole = text if part is None else self._whole(sender, recipient, text, part)
        if whole is not None:
            state.log.write([recipient], message_id, len(whole.encode()), self._number)
            if state.texts is not None:
                state.texts[recipient] = whole
        if message.registered_delivery & 1:
            state.deliveries.add_receipt(message_id, sender, recipient)
        return message_id

    def _whole(self, sender: str, recipient: str, text: str, part: PartOf) -> str | None:
        key = (sender, recipient, part.reference, part.total)
        texts = self._state.parts.setdefault(key, {})
        texts[part.number] = text
        if len(texts) < part.total:
            return None
        del self._state.parts[key]
        return "".join(texts[number] for number in sorted(texts))

    # -- answers

    def _hold(self, answer: bytes) -> None:
        self._held.append(answer)
        if len(self._held) >= self._state.reorder:
            self._release()
        elif len(self._held) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._release)

    def _release(self) -> None:
        held, self._held = self._held, []
        self._send(b"".join(reversed(held)))

    def _follow(self, fault: Fault, each: Pdu) -> None:
        if fault.action is Action.REPLY:
            self._respond(each, status=fault.status)
        elif fault.action in {Action.GARBAGE, Action.ACCEPT_GARBAGE}:
            self._send(_GARBAGE)
        elif fault.action in {Action.RESET, Action.ACCEPT_RESET}:
            self._reset()
        elif fault.action in {Action.HANG, Action.ACCEPT_HANG}:
            self._is_deaf = True
        else:
            self._hang_up()

    def _respond(self, each: Pdu, body: bytes = b"", status: int = OK) -> None:
        self._send(pdu(each.command | RESPONSE, each.sequence, body, status))

    def _request(self, command: int, body: bytes = b"") -> int:
        self._sequence = next_sequence(self._sequence)
        self._send(pdu(command, self._sequence, body))
        return self._sequence

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _hang_up(self) -> None:
        self._is_deaf = True
        if self._transport is not None:
            self._transport.close()

    def _reset(self) -> None:
        self._is_deaf = True
        if self._transport is not None:
            # With a linger of nothing the kernel throws away what is unsent, and sends RST for FIN.
            connected = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

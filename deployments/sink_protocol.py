"""One connection to the mail sink: an SMTP server that takes mail, logs it and delivers nothing (RFC 5321)."""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import cast

from deployments.sink_auth import LoginDialogue
from deployments.sink_faults import ACCEPTING, Action, FaultScript, Step
from deployments.sink_log import AcceptLog
from deployments.sink_replies import Replies

_END = b"\r\n.\r\n"
_LONGEST_LINE = 4096  # RFC 5321 section 4.5.3.1.4 asks for 512; extensions add some
_MOST_RECIPIENTS = 1000
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*<?([^>\r\n]*)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"\s*<([^<>]*)>((?:\s+\S+)*)\s*")


@dataclass
class SinkState:
    """What all connections of one sink share. `account` is (user, password) where AUTH is asked for."""

    log: AcceptLog
    script: FaultScript
    pipelining: bool = True
    lenient_data: bool = False  # 354 to DATA without a recipient and 554 to its dot, as RFC 2920 section 3.1 allows
    smtputf8: bool = True
    max_size: int = 50_000_000
    delay_seconds: float = 0.0
    keep: Path | None = None
    tls_context: ssl.SSLContext | None = None
    account: tuple[str, str] | None = None
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    connections: "set[SinkConnection]" = field(default_factory=set)


class SinkConnection(Replies):
    """Reads commands and bodies out of one buffer."""

    def __init__(self, state: SinkState) -> None:
        super().__init__(state.script)
        self._state = state
        self._number = next(state.numbers)
        self._buffer = bytearray()
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._in_data = False
        self._searched = 0  # bytes of the buffer known to hold no end of a body
        self._waiting = False  # for a delay or a TLS handshake: nothing is read meanwhile
        self._upgraded = False
        self._login = LoginDialogue(state.account) if state.account else None
        self._upgrade: asyncio.Task[None] | None = None

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio.Transport in all but name
        self._state.connections.add(self)
        self._reply_or_fault(Step.CONNECT, b"220 sink ESMTP\r\n")
        self._flush()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the connection; a message without its final dot is gone."""
        self._state.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take what came and go on."""
        self._buffer += data
        self._work()

    # -- reading

    def _work(self) -> None:
        """Go through the buffer as far as it reaches."""
        while not (self._waiting or self._silent) and self._transport is not None:
            if not (self._body() if self._in_data else self._line()):
                break
        self._flush()

    def _line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                self._replies.append(b"500 5.5.2 Line too long\r\n")
                self._hang_up()
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._login is not None and self._login.pending:
            self._replies.append(self._login.answer(line))
            return True
        verb = line[:4].upper()
        handler = _COMMANDS.get(verb)
        if handler is None:
            self._replies.append(b"500 5.5.2 Unknown command\r\n")
        else:
            handler(self, line)
        return True

    def _body(self) -> bool:
        buffer = self._buffer
        if buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            end = buffer.find(_END, self._searched)
            if end < 0:
                self._searched = max(0, len(buffer) - len(_END) + 1)
                if len(buffer) > self._state.max_size * 2:
                    self._hang_up()
                return False
            end, after = end + 2, end + len(_END)
        body = bytes(buffer[:end])
        del buffer[:after]
        self._in_data = False
        self._searched = 0
        self._finish(body)
        return True

    # -- commands

    def _ehlo(self, _line: bytes) -> None:
        state = self._state
        offers = ["sink", f"SIZE {state.max_size}", "ENHANCEDSTATUSCODES", "8BITMIME"]
        if state.pipelining:
            offers.append("PIPELINING")
        if state.smtputf8:
            offers.append("SMTPUTF8")
        if state.tls_context is not None and not self.encrypted:
            offers.append("STARTTLS")
        if state.account is not None:
            offers.append("AUTH PLAIN LOGIN")
        self._forget_envelope()
        lines = [f"250-{offer}\r\n" for offer in offers]
        lines[-1] = "250 " + lines[-1][4:]
        self._replies.append("".join(lines).encode())

    def _helo(self, _line: bytes) -> None:
        self._forget_envelope()
        self._replies.append(b"250 sink\r\n")

    def _mail(self, line: bytes) -> None:
        address = _ADDRESS.fullmatch(line[10:].decode("utf-8", "replace"))
        if self._login is not None and not self._login.trusted:
            self._replies.append(b"530 5.7.0 Authentication required\r\n")
        elif self._sender is not None:
            self._replies.append(b"503 5.5.1 Nested MAIL command\r\n")
        elif address is None or line[:10].upper() != b"MAIL FROM:":
            self._replies.append(b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n")
        elif self._reply_or_fault(Step.MAIL, b"250 2.1.0 Ok\r\n"):
            self._sender = address[1]

    def _rcpt(self, line: bytes) -> None:
        address = _ADDRESS.fullmatch(line[8:].decode("utf-8", "replace"))
        if self._sender is None:
            self._replies.append(b"503 5.5.1 Need MAIL command\r\n")
        elif address is None or line[:8].upper() != b"RCPT TO:":
            self._replies.append(b"501 5.5.4 Syntax: RCPT TO:<address>\r\n")
        elif len(self._recipients) >= _MOST_RECIPIENTS:
            self._replies.append(b"452 4.5.3 Too many recipients\r\n")
        elif self._reply_or_fault(Step.RCPT, b"250 2.1.5 Ok\r\n", [address[1]]):
            self._recipients.append(address[1])

    def _data(self, _line: bytes) -> None:
        if not self._recipients and not (self._state.lenient_data and self._sender is not None):
            self._replies.append(b"503 5.5.1 Need RCPT command\r\n")
        elif self._reply_or_fault(Step.DATA, b"354 End data with <CR><LF>.<CR><LF>\r\n", self._recipients):
            self._in_data = True

    def _rset(self, _line: bytes) -> None:
        self._forget_envelope()
        self._replies.append(b"250 2.0.0 Ok\r\n")

    def _noop(self, _line: bytes) -> None:
        self._replies.append(b"250 2.0.0 Ok\r\n")

    def _quit(self, _line: bytes) -> None:
        self._replies.append(b"221 2.0.0 Bye\r\n")
        self._hang_up()

    def _starttls(self, _line: bytes) -> None:
        if self._state.tls_context is None or self.encrypted:
            self._replies.append(b"503 5.5.1 STARTTLS is not offered\r\n")
            return
        self._replies.append(b"220 2.0.0 Go ahead\r\n")
        self._flush()
        self._buffer.clear()  # RFC 3207 section 6: what was sent in the clear behind it is not a command
        self._forget_envelope()
        self._waiting = True
        self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(self._state.tls_context))

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        if self._transport is None:
            return
        try:
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=30
            )
        except (OSError, ssl.SSLError):
            self.close()
            return
        self._upgraded = True
        self._waiting = False
        self._work()

    @property
    def encrypted(self) -> bool:
        """Whether the connection speaks TLS by now."""
        return self._upgraded or (
            self._transport is not None and self._transport.get_extra_info("sslcontext") is not None
        )

    def _auth(self, line: bytes) -> None:
        if self._login is None:
            self._replies.append(b"503 5.5.1 AUTH is not offered\r\n")
        else:
            self._replies.append(self._login.begin(line))

    # -- the end of a message

    def _finish(self, stuffed: bytes) -> None:
        recipients = self._recipients
        self._forget_envelope()
        body = stuffed.replace(b"\r\n..", b"\r\n.")
        if body.startswith(b".."):
            body = body[1:]
        if not recipients:
            self._replies.append(b"554 5.5.1 No valid recipients\r\n")
            return
        if len(body) > self._state.max_size:
            self._replies.append(b"552 5.3.4 Message too big\r\n")
            return
        fault = self._script.at(Step.FINAL, recipients, self._accepted)
        if fault is None or fault.action in ACCEPTING or (fault.action is Action.REPLY and fault.reply[0] == "2"):
            is_half = fault is not None and fault.action is Action.ACCEPT_HALF
            self._accept(body, recipients[: len(recipients) // 2] if is_half else recipients)
        delay = fault.seconds if fault and fault.action is Action.SLOW else self._state.delay_seconds
        if fault is not None and fault.action is not Action.SLOW:
            self._follow(fault)
        elif delay:
            self._reply_late(delay, self._queued())
        else:
            self._replies.append(self._queued())

    def _accept(self, body: bytes, recipients: list[str]) -> None:
        self._accepted += 1
        headers = body[: body.find(b"\r\n\r\n") + 2]
        found = _MESSAGE_ID.search(headers)
        message_id = found[1].decode("utf-8", "replace").strip() if found else ""
        if self._state.keep is not None:
            name = f"{self._number:06d}-{self._accepted:06d}.eml"
            (self._state.keep / name).write_bytes(body)
        self._state.log.write(recipients, message_id, len(body), self._number)

    def _forget_envelope(self) -> None:
        self._sender = None
        self._recipients = []

    def _queued(self) -> bytes:
        return b"250 2.0.0 Ok: queued as %X-%X\r\n" % (self._number, self._accepted)

    def _reply_late(self, seconds: float, reply: bytes) -> None:
        self._flush()
        self._waiting = True
        asyncio.get_running_loop().call_later(seconds, self._go_on, reply)

    def _go_on(self, reply: bytes) -> None:
        self._waiting = False
        self._replies.append(reply)
        self._work()


_COMMANDS: dict[bytes, Callable[[SinkConnection, bytes], None]] = {
    b"EHLO": SinkConnection._ehlo,
    b"HELO": SinkConnection._helo,
    b"MAIL": SinkConnection._mail,
    b"RCPT": SinkConnection._rcpt,
    b"DATA": SinkConnection._data,
    b"RSET": SinkConnection._rset,
    b"NOOP": SinkConnection._noop,
    b"QUIT": SinkConnection._quit,
    b"STAR": SinkConnection._starttls,
    b"AUTH": SinkConnection._auth,
}

"""What a connection of the mail sink says, and what it does wrong instead."""

import asyncio
import socket
import struct

from deployments.sink_faults import Action, Fault, FaultScript, Step

_GARBAGE = b"\x15\x03\x01 this is not SMTP\r\n"


class Replies(asyncio.Protocol):
    """Replies to what came in together go out together; a rule of the script may put something else in their place."""

    def __init__(self, script: FaultScript) -> None:
        self._script = script
        self._transport: asyncio.Transport | None = None
        self._replies: list[bytes] = []
        self._accepted = 0  # messages
        self._silent = False

    def close(self) -> None:
        """Close without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _reply_or_fault(self, step: Step, reply: bytes, recipients: list[str] | None = None) -> bool:
        """Reply as usual, or follow the rule that applies. True if the command took effect."""
        fault = self._script.at(step, recipients or [], self._accepted)
        if fault is None:
            self._replies.append(reply)
            return True
        if fault.action is Action.SLOW:
            self._reply_late(fault.seconds, reply)
            return True
        self._follow(fault)
        return fault.action is Action.REPLY and fault.reply[0] in "23"

    def _reply_late(self, seconds: float, reply: bytes) -> None:
        """Reply after a while; nothing is read meanwhile."""
        raise NotImplementedError

    def _follow(self, fault: Fault) -> None:
        if fault.action is Action.REPLY:
            self._replies.append(fault.reply.replace("\n", "\r\n").encode() + b"\r\n")
            if fault.reply.startswith("421"):
                self._hang_up()
        elif fault.action in {Action.GARBAGE, Action.ACCEPT_GARBAGE}:
            self._replies.append(_GARBAGE)
        elif fault.action in {Action.CLOSE, Action.ACCEPT_CLOSE, Action.ACCEPT_HALF}:
            self._hang_up()
        elif fault.action in {Action.RESET, Action.ACCEPT_RESET}:
            self._reset()
        else:
            self._silent = True

    def _flush(self) -> None:
        if self._replies and self._transport is not None:
            replies, self._replies = self._replies, []
            self._transport.write(b"".join(replies))

    def _hang_up(self) -> None:
        """Send what is to be said, then close; nothing more is read."""
        self._flush()
        self._silent = True
        if self._transport is not None:
            self._transport.close()

    def _reset(self) -> None:
        """End the connection by a reset; replies that wait are lost."""
        self._silent = True
        if self._transport is not None:
            # With a linger of nothing the kernel throws away what is unsent, and sends RST for FIN.
            connected = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

"""What the SMPP sink delivers to whoever is bound as a receiver: receipts of what it accepted, and texts of people.

Each is sent until it is acknowledged, a few at a time, as an SMSC does: what is answered "later", or was on its way on
a connection that broke, comes again.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol
from uuid import uuid4

from tasks.providers.smpp_flight import address_of
from tasks.providers.smpp_pdu import ShortMessage, message_body
from tasks.providers.smpp_text import text_parts

_RECEIPT = 0x04  # of esm_class
_WINDOW = 10
_AGAIN_SECONDS = 0.2


class Receiver(Protocol):
    """A connection that takes deliveries."""

    def deliver(self, body: bytes) -> int:
        """Send a deliver_sm; returns its sequence."""
        ...


@dataclass
class Deliveries:
    """`states`: the word of a receipt by glob of its recipient, the first that fits; without one there is none.
    `acknowledged`: how many were."""

    states: Mapping[str, str] = field(default_factory=dict)
    waiting: "deque[bytes]" = field(default_factory=deque)
    receivers: "list[Receiver]" = field(default_factory=list)
    out: "dict[tuple[int, int], bytes]" = field(default_factory=dict)  # by receiver and sequence
    acknowledged: int = 0
    refused: int = 0

    def add_receipt(self, message_id: str, sender: str, recipient: str) -> None:
        """The receipt of a message that was accepted."""
        state = next((word for glob, word in self.states.items() if fnmatchcase(recipient, glob)), None)
        if state is None:
            return
        counts = "sub:001 dlvrd:001 submit date:2611301200 done date:2611301201"
        error = "000" if state == "DELIVRD" else "001"
        text = f"id:{message_id} {counts} stat:{state} err:{error} text:"
        message = ShortMessage(address_of(recipient), address_of(sender), text.encode("ascii"), _RECEIPT)
        self.add(message_body(message))

    def add_text(self, sender: str, recipient: str, text: str) -> None:
        """A text that somebody wrote, in parts if it is long."""
        source, destination = address_of(sender), address_of(recipient)
        for part in text_parts(text, uuid4()):
            message = ShortMessage(source, destination, part.payload, part.esm_class, part.data_coding)
            self.add(message_body(message))

    def add(self, body: bytes) -> None:
        """A deliver_sm."""
        self.waiting.append(body)
        self.go_on()

    def go_on(self) -> None:
        """Send what waits, in turn to those who receive."""
        while self.waiting and self.receivers and len(self.out) < _WINDOW:
            receiver = self.receivers.pop(0)
            self.receivers.append(receiver)
            body = self.waiting.popleft()
            self.out[id(receiver), receiver.deliver(body)] = body

    def answered(self, receiver: Receiver, sequence: int, status: int) -> None:
        """The receiver's answer: 0 takes it, 0x64 wants it later, with others it is gone."""
        body = self.out.pop((id(receiver), sequence), None)
        if body is None:
            return
        if status == 0:
            self.acknowledged += 1
        elif status == 0x64:
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.add, body)
        else:
            self.refused += 1
        self.go_on()

    def lost(self, receiver: Receiver) -> None:
        """What is not acknowledged waits for another one."""
        if receiver in self.receivers:
            self.receivers.remove(receiver)
        for key in [key for key in self.out if key[0] == id(receiver)]:
            self.waiting.appendleft(self.out.pop(key))
        self.go_on()

"""Cuts what an SMTP server sends into replies (RFC 5321 section 4.2)."""

import asyncio
from collections.abc import Callable

from tasks.providers.smtp_replies import is_reply_line

_LONGEST_REPLY = 32 * 1024  # bytes; RFC 5321 allows 512 a line, and no honest reply has more than a few lines


class ReplyReader(asyncio.Protocol):
    """Calls `_answer` with each whole reply, its lines joined as they came; `_garbage` with what is none.

    A subclass sets `_answer` to what the next reply is for, and `lost` once the connection is of no use; nothing is
    called after that.
    """

    lost: bool
    _answer: Callable[[bytes], None]

    def __init__(self) -> None:
        self._partial = b""  # received, not yet a whole line
        self._lines: list[bytes] = []  # of a reply of several lines that is not whole

    def _garbage(self, line: bytes) -> None:
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Cut what came into replies and answer each in turn."""
        if self._partial:
            data = self._partial + data
        lines = data.split(b"\n")
        self._partial = lines.pop()
        for line in lines:
            if self.lost:
                return
            if not is_reply_line(line):
                self._garbage(line)
            elif self._lines or line[3:4] == b"-":
                self._continue_reply(line)
            else:
                self._answer(line)
        if len(self._partial) > _LONGEST_REPLY and not self.lost:
            self._garbage(self._partial)

    def _continue_reply(self, line: bytes) -> None:
        """RFC 5321 section 4.2.1: all lines of a reply bear the same code, the last one no hyphen."""
        lines = self._lines
        lines.append(line)
        if line[:3] != lines[0][:3] or sum(map(len, lines)) > _LONGEST_REPLY:
            self._garbage(line)
        elif line[3:4] != b"-":
            self._lines = []
            self._answer(b"\n".join(lines))

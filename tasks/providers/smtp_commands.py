"""What is written to an SMTP server: the envelope's commands and the quoted body."""

from dataclasses import dataclass

from tasks.providers.base import OutgoingMessage


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """What the server said in its EHLO reply. `size_limit` in bytes, 0 where it names none."""

    pipelining: bool
    smtputf8: bool
    size_limit: int


def dot_stuffed(content: bytes) -> bytes:
    """`content` with lines that begin with a dot quoted (RFC 5321 section 4.5.2), ending in CRLF.

    Also dots behind a bare LF: a server that takes LF for a line end would else read "\\n.\\n" as the end and the
    rest as commands (SMTP smuggling).
    """
    if b"\n." in content:
        content = content.replace(b"\n.", b"\n..")
    if content[:1] == b".":
        content = b"." + content
    return content if content[-2:] == b"\r\n" else content + b"\r\n"


class EnvelopeCommands:
    """Makes the commands of an envelope. A campaign has one sender, so MAIL is made once and kept."""

    def __init__(self) -> None:
        self._sender: str | None = None
        self._mail = b""

    def mail(self, message: OutgoingMessage) -> bytes:
        """MAIL FROM, with SMTPUTF8 (RFC 6531) where an address asks for it."""
        if message.sender != self._sender:
            self._sender = message.sender
            self._mail = b"MAIL FROM:<%b>\r\n" % message.sender.encode()
        if message.recipient.isascii() and message.sender.isascii():
            return self._mail
        return self._mail[:-2] + b" SMTPUTF8\r\n"

    def recipient(self, message: OutgoingMessage) -> bytes:
        """RCPT TO."""
        return b"RCPT TO:<%b>\r\n" % message.recipient.encode()

    def group(self, message: OutgoingMessage) -> bytes:
        """All three commands, for a server that takes them together."""
        return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (self.mail(message), message.recipient.encode())

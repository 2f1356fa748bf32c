"""A mailbox that bounces are delivered to, read over IMAP (RFC 3501).

A mail is marked as seen, or moved, only after what it says is committed. A poller that ends in between finds it again,
and several may read one mailbox: what comes twice counts once.
"""

import imaplib
import ipaddress
import logging
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from models.errors import ExoSendError, SetupError
from models.rules.return_paths import ReturnPaths
from models.session import Database
from tasks.bounces.reading import MAIL_BYTES_MAX
from tasks.bounces.receiving import receive_mails

log = logging.getLogger(__name__)

_AT_ONCE = 50  # mails in a transaction, of which each may have a megabyte
_SECONDS = 30.0
_FORM = "imaps://user:password@host[:port][/folder][?move=folder]"
_UID = re.compile(rb"UID (\d+)")


class MailboxAway(ExoSendError):
    """The mailbox cannot be read for now. It is tried again."""


@dataclass(frozen=True, slots=True)
class MailboxAddress:
    """Where the mailbox is. `move`: the folder that mails go to when they are read; None: they stay, as seen."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    move: str | None = None
    tls: bool = True


def parse_mailbox_url(url: str) -> MailboxAddress:
    """Read EXOSEND_BOUNCE_IMAP_URL. Raises SetupError, which never shows it: it holds a password."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong("the port is not a number, or the options are not name=value") from None
    if parts.scheme not in {"imaps", "imap"} or not parts.hostname:
        raise _wrong("it must begin with imaps:// and name a host")
    if parts.scheme == "imap" and not _is_loopback(parts.hostname):
        raise _wrong("imap:// is for a server on this machine: a password is not sent in the clear")
    if not parts.username or not parts.password or set(options) - {"move"}:
        raise _wrong("it needs a user and a password, and has no option but move")
    plain = [unquote(text) for text in (parts.username, parts.password, parts.path.strip("/"), options.get("move", ""))]
    if any(not text.isprintable() for text in plain):
        raise _wrong("it holds a control character")
    user, password, folder, move = plain
    tls = parts.scheme == "imaps"
    return MailboxAddress(
        parts.hostname, port or (993 if tls else 143), user, password, folder or "INBOX", move or None, tls
    )


def read_mailbox(database: Database, return_paths: ReturnPaths, address: MailboxAddress) -> int:
    """Take in all mails of the mailbox that were not seen; returns how many.

    Raises MailboxAway, and what the database raises.
    """
    total = 0
    try:
        with _opened(address) as connection:
            unseen = _unseen(connection)
            for start in range(0, len(unseen), _AT_ONCE):
                part = unseen[start : start + _AT_ONCE]
                mails = _fetch(connection, part)
                for read in receive_mails(database, return_paths, list(mails.values())):
                    if read.event is None:
                        log.info("A mail in the mailbox of bounces is left alone: %s", read.what)
                _put_away(connection, list(mails), address.move)
                total += len(mails)
    except (OSError, imaplib.IMAP4.error) as error:
        said = " ".join(str(error).replace(address.password, "***").split())[:200]
        raise MailboxAway(f"The mailbox at {address.host} cannot be read: {said or type(error).__name__}") from None
    return total


@contextmanager
def _opened(address: MailboxAddress) -> Iterator[imaplib.IMAP4]:
    connection = (
        imaplib.IMAP4_SSL(address.host, address.port, ssl_context=ssl.create_default_context(), timeout=_SECONDS)
        if address.tls
        else imaplib.IMAP4(address.host, address.port, timeout=_SECONDS)
    )
    try:
        connection.login(address.user, address.password)
        _done(connection.select(_quoted(address.folder)))
        yield connection
        connection.logout()
    finally:
        with suppress(OSError):  # after a logout it is closed
            connection.shutdown()


def _unseen(connection: imaplib.IMAP4) -> list[bytes]:
    [found] = _done(connection.uid("SEARCH", "UNSEEN"))[:1] or [b""]
    return found.split() if isinstance(found, bytes) else []


def _fetch(connection: imaplib.IMAP4, uids: Sequence[bytes]) -> dict[bytes, bytes]:
    """The beginnings of mails by their UIDs. PEEK, since what fetches without it marks as seen."""
    parts = _done(connection.uid("FETCH", b",".join(uids).decode(), f"(UID BODY.PEEK[]<0.{MAIL_BYTES_MAX}>)"))
    mails: dict[bytes, bytes] = {}
    for part in parts:
        if isinstance(part, tuple) and (match := _UID.search(part[0])):
            mails[match[1]] = part[1]
    return mails


def _put_away(connection: imaplib.IMAP4, uids: Sequence[bytes], folder: str | None) -> None:
    if not uids:
        return
    which = b",".join(uids).decode()
    if folder is not None and "MOVE" in connection.capabilities:  # RFC 6851
        _done(connection.uid("MOVE", which, _quoted(folder)))
        return
    if folder is not None:
        _done(connection.uid("COPY", which, _quoted(folder)))
    _done(connection.uid("STORE", which, "+FLAGS.SILENT", r"(\Seen)" if folder is None else r"(\Seen \Deleted)"))
    if folder is not None:
        _done(connection.expunge())


def _done(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error("The server says no.")
    return answer[1]


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(what: str) -> SetupError:
    return SetupError(f"EXOSEND_BOUNCE_IMAP_URL: {what}. It looks like {_FORM}.")

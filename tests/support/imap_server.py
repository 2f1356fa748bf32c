"""A small IMAP server on loopback, the far end of the mailbox of bounces: the commands of RFC 3501 that a reader needs.

It keeps mails in folders, with flags and UIDs, and can break a conversation after a command.
"""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mail:
    """A mail in a folder."""

    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)


class Mailbox(socketserver.ThreadingTCPServer):
    """The server. `breaks_at`: the connection ends when this command comes, once."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, moves: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.folders: dict[str, list[Mail]] = {"INBOX": [], "Done": []}
        self.moves = moves
        self.breaks_at: str | None = None
        self.commands: list[str] = []
        self._uid = 0

    def deliver(self, *contents: bytes, folder: str = "INBOX") -> None:
        """Put mails into a folder."""
        for content in contents:
            self._uid += 1
            self.folders[folder].append(Mail(self._uid, content))

    @property
    def url(self) -> str:
        """Its address."""
        return f"imap://user:pass%20word@127.0.0.1:{self.server_address[1]}/INBOX"


@contextmanager
def mailbox(*, moves: bool = False) -> Iterator[Mailbox]:
    """A running server."""
    with Mailbox(moves=moves) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Conversation(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.folder = ""
        self._say("* OK ready")
        for line in self.rfile:
            tag, _, rest = line.decode().strip().partition(" ")
            command = rest.partition(" ")[0].upper()
            command = "UID " + rest.split()[1].upper() if command == "UID" else command
            self.server.commands.append(command)
            if self.server.breaks_at == command:
                self.server.breaks_at = None
                return
            self._say(f"{tag} {self._do(command, rest)}")
            if command == "LOGOUT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _do(self, command: str, rest: str) -> str:
        mails = self.server.folders.get(self.folder, [])
        match command:
            case "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1" + (" MOVE" if self.server.moves else ""))
            case "LOGIN":
                return "OK done" if rest.split(" ", 1)[1] == 'user "pass word"' else "NO wrong password"
            case "SELECT":
                self.folder = rest.split(" ", 1)[1].strip('"')
                if self.folder not in self.server.folders:
                    return "NO no such folder"
                self._say(f"* {len(self.server.folders[self.folder])} EXISTS")
            case "UID SEARCH":
                self._say("* SEARCH " + " ".join(str(mail.uid) for mail in mails if "\\Seen" not in mail.flags))
            case "UID FETCH":
                most = int(re.search(r"<0\.(\d+)>", rest)[1])  # type: ignore[index]
                for no, mail in enumerate(mails, 1):
                    if mail in self._named(rest):
                        self.wfile.write(
                            b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n"
                            % (no, mail.uid, len(mail.content[:most]), mail.content[:most])
                        )
            case "UID STORE":
                for mail in self._named(rest):
                    mail.flags |= set(re.findall(r"\\\w+", rest))
            case "UID COPY" | "UID MOVE":
                named = self._named(rest)
                self.server.deliver(*(mail.content for mail in named), folder=rest.rsplit(maxsplit=1)[-1].strip('"'))
                if command == "UID MOVE":
                    self.server.folders[self.folder] = [mail for mail in mails if mail not in named]
            case "EXPUNGE":
                self.server.folders[self.folder] = [mail for mail in mails if "\\Deleted" not in mail.flags]
            case "LOGOUT":
                self._say("* BYE")
        return "OK done"

    def _named(self, rest: str) -> list[Mail]:
        uids = {int(uid) for uid in rest.split()[2].split(",")}
        return [mail for mail in self.server.folders[self.folder] if mail.uid in uids]

"""AUTH as the mail sink asks for it: PLAIN and LOGIN (RFC 4954, RFC 4616)."""

import base64
import binascii

_ACCEPTED = b"235 2.7.0 Authentication successful\r\n"
_REFUSED = b"535 5.7.8 Authentication credentials invalid\r\n"
_PROMPTS = (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n")  # "Username:", "Password:"


class LoginDialogue:
    """The AUTH exchange of one connection with one known account, (user, password).

    `pending`: the next line is an answer, not a command. `trusted`: the login succeeded.
    """

    def __init__(self, account: tuple[str, str]) -> None:
        self._account = account
        self._mechanism = ""
        self._given: list[str] = []
        self.pending = False
        self.trusted = False

    def begin(self, line: bytes) -> bytes:
        """The reply to `AUTH mechanism [initial response]`."""
        words = line.decode("ascii", "replace").split()
        self._mechanism = words[1].upper() if len(words) > 1 else ""
        self._given = []
        if self._mechanism not in {"PLAIN", "LOGIN"}:
            return b"504 5.5.4 Unknown mechanism\r\n"
        self.pending = True
        if len(words) == 3:
            return self.answer(words[2].encode())
        return b"334 \r\n" if self._mechanism == "PLAIN" else _PROMPTS[0]

    def answer(self, line: bytes) -> bytes:
        """The reply to one answer of the client, in base64."""
        try:
            text = base64.b64decode(line, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            self.pending = False
            return b"501 5.5.2 Not base64\r\n"
        if self._mechanism == "PLAIN":
            self._given = text.split("\0")[1:]  # the identity to act as comes first and is left empty
        else:
            self._given.append(text)
            if len(self._given) < len(_PROMPTS):
                return _PROMPTS[len(self._given)]
        self.pending = False
        self.trusted = tuple(self._given) == self._account
        return _ACCEPTED if self.trusted else _REFUSED

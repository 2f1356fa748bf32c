"""Reads the URL of an account with a provider, whatever the protocol: its parts, its options, what is wrong with it."""

from collections.abc import Set as AbstractSet
from urllib.parse import parse_qsl, urlsplit

from models.errors import SetupError


class ProviderUrl:
    """The value of `setting`. `form` is what such a URL looks like.

    All that is wrong is a SetupError, which names the setting and what it is, and never shows the URL itself: it may
    hold a password.
    """

    def __init__(self, setting: str, url: str, form: str) -> None:
        self._setting = setting
        self._form = form
        try:
            self.parts = urlsplit(url.strip())
            self.port = self.parts.port
        except ValueError:
            # urlsplit's own text quotes what it could not read, which with an unescaped "/" is part of the password.
            raise self.wrong("the port is not a number from 1 to 65535, or the host is malformed") from None

    def wrong(self, what: str) -> SetupError:
        """The error that says so."""
        return SetupError(f"{self._setting}: {what}. It looks like {self._form}.")

    def options(self, known: AbstractSet[str]) -> dict[str, str]:
        """What stands after the ?, by name. Raises SetupError for one that is not known."""
        query = self.parts.query
        try:
            options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        except ValueError:
            raise self.wrong("the options after ? are not name=value pairs joined by &") from None
        if unknown := sorted(set(options) - known):
            raise self.wrong(f"unknown option {unknown[0]!r}; there are {', '.join(sorted(known))}")
        return options

    def number(self, name: str, text: str, least: float, most: float, *, whole: bool = False) -> float:
        """The value of an option. Raises SetupError if it is no number from `least` to `most`."""
        try:
            value = float(int(text)) if whole else float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise self.wrong(f"{name} must be a {'whole ' if whole else ''}number from {least:g} to {most:g}")
        return value

    def switch(self, name: str, text: str) -> bool:
        """The value of an option that is on or off. Raises SetupError."""
        if text not in {"on", "off"}:
            raise self.wrong(f"{name} must be on or off")
        return text == "on"


def has_control_character(text: str) -> bool:
    """Whether it holds what cannot stand in a line of a protocol, whatever its encoding."""
    return any(ord(char) < 32 or ord(char) == 127 for char in text)
